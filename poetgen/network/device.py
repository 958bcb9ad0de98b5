"""Where a network computes, and in which precision: found out by trying, not by a list of processors."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch
from torch import nn

from poetgen.errors import Option, UsageError

#: Shape of the probe: a fraction of a second in either precision, and large enough that arithmetic decides.
_STEPS, _ROWS, _WIDTH = 16, 32, 256
#: bf16 has to be this much faster before it is worth its coarser rounding.
_WORTH = 1.2


class Precision(NamedTuple):
    """A dtype to compute in, and why it was chosen, in a few words for people."""

    dtype: torch.dtype
    why: str

    @property
    def name(self) -> str:
        """As --precision has it.

        >>> Precision(torch.bfloat16, "asked for").name
        'bf16'
        """
        return "bf16" if self.dtype is torch.bfloat16 else "fp32"


def pick_device(name: str) -> torch.device:
    """The device that --device names; "auto" takes a GPU where there is one. Raises UsageError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" holds no numbers
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise UsageError(
            Option("device", name), f": not available here ({reason}); try ", Option("device", "cpu"), " or auto"
        ) from error
    return device


def pick_precision(name: str, device: torch.device) -> Precision:
    """The precision that --precision names; "auto" takes bf16 where it is faster. Raises UsageError.

    On a CPU a small LSTM is trained for a step in both: without avx512_bf16 or AMX some builds of PyTorch have no
    bf16 LSTM at all, and others emulate it more slowly than fp32. Draws nothing from the random numbers of a run.
    """
    if name == "fp32":
        return Precision(torch.float32, "asked for")
    if name == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        # The small probe waits for kernels to start, in either precision: it would say nothing of a real batch.
        return Precision(torch.bfloat16, "the card multiplies it")
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            faster = _seconds(torch.float32, device) / _seconds(torch.bfloat16, device)
    except RuntimeError as error:  # "not implemented for 'BFloat16'", "mkldnn_bf16_device_check", …
        if name == "bf16":
            reason = str(error).splitlines()[0].rstrip(".")
            raise UsageError(f"--precision bf16: not available here ({reason}); try --precision fp32") from error
        return Precision(torch.float32, "bf16 is not available here")
    if name == "bf16":
        return Precision(torch.bfloat16, f"asked for; {faster:.1f} times the speed of fp32 in a probe")
    chosen = torch.bfloat16 if faster >= _WORTH else torch.float32
    return Precision(chosen, f"bf16 has {faster:.1f} times the speed of fp32 in a probe")


def _seconds(dtype: torch.dtype, device: torch.device) -> float:
    """The shortest of a few training steps of a small LSTM."""
    cell = nn.LSTM(_WIDTH, _WIDTH).to(device, dtype)
    x = torch.randn(_STEPS, _ROWS, _WIDTH, device=device, dtype=dtype, requires_grad=True)
    shortest, threads = float("inf"), torch.get_num_threads()
    # One thread and its own clock: what else the machine is doing then does not count.
    clock = time.perf_counter if device.type == "cuda" else time.thread_time
    torch.set_num_threads(1)
    try:
        for _ in range(4):  # the first of them prepares the kernels
            began = clock()
            cell(x)[0].float().sum().backward()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            shortest = min(shortest, clock() - began)
    finally:
        torch.set_num_threads(threads)
    return shortest
