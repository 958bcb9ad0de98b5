"""Where a network computes, and in which precision."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from poetgen.errors import UsageError
from poetgen.network import device as module
from poetgen.network.device import pick_device, pick_precision

CPU = torch.device("cpu")


def speeds(monkeypatch: pytest.MonkeyPatch, fp32: float, bf16: float) -> None:
    """A machine on which a step takes so many seconds in either precision."""
    monkeypatch.setattr(module, "_seconds", lambda dtype, device: bf16 if dtype is torch.bfloat16 else fp32)


def without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of PyTorch that raises at the first bf16 LSTM."""

    def seconds(dtype: torch.dtype, device: torch.device) -> float:
        if dtype is torch.bfloat16:
            raise RuntimeError("mkldnn_bf16_device_check: the CPU needs avx512_bf16.\nsecond line")
        return 1.0

    monkeypatch.setattr(module, "_seconds", seconds)


def test_devices() -> None:
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type in ("cpu", "cuda")
    for name in ("nonsense", "cuda:99"):
        with pytest.raises(UsageError, match=f"--device {name}: .*try --device cpu"):
            pick_device(name)


def test_bf16_only_where_it_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds(monkeypatch, fp32=3.0, bf16=1.0)
    fast = pick_precision("auto", CPU)
    assert (fast.dtype, fast.name) == (torch.bfloat16, "bf16") and "3.0 times" in fast.why
    speeds(monkeypatch, fp32=1.0, bf16=1.0)
    assert pick_precision("auto", CPU).name == "fp32"
    speeds(monkeypatch, fp32=1.0, bf16=8.0)
    slow = pick_precision("auto", CPU)
    assert slow.name == "fp32" and "0.1 times" in slow.why
    assert pick_precision("bf16", CPU).name == "bf16", "asked for is asked for"


def test_a_processor_without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    without_bf16(monkeypatch)
    assert pick_precision("auto", CPU).name == "fp32"
    with pytest.raises(UsageError, match=r"--precision bf16: not available here \(mkldnn_bf16.*try --precision fp32"):
        pick_precision("bf16", CPU)


def test_fp32_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_seconds", lambda dtype, device: pytest.fail("probed"))
    assert pick_precision("fp32", CPU).dtype is torch.float32


def test_the_probe_leaves_no_trace() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    pick_precision("auto", CPU)
    assert torch.equal(torch.rand(4), expected)
    assert torch.get_num_threads() == threads


@pytest.mark.slow
@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build has no oneDNN")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="only x86 can be told to be older than it is")
def test_where_bf16_is_emulated_fp32_is_chosen() -> None:
    """A real probe on a processor that, as far as oneDNN is told, has AVX2 and no more."""
    code = "import torch; from poetgen.network.device import *; print(pick_precision('auto', torch.device('cpu')).name)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "fp32\n"
