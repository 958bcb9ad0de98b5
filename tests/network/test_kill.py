"""A run that is killed at any instant leaves a checkpoint that samples and a state that resumes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from poetgen.config import TrainConfig
from poetgen.data.dataset import Dataset
from poetgen.network import checkpoint
from poetgen.network.checkpoint import Checkpoint, read_tensors
from poetgen.network.trainer import Trainer

#: Saves at every other step, so that most instants fall into a save.
SMALL = {"hidden": 16, "embed": 16, "batch_size": 4, "seq_len": 32, "eval_every": 2, "warmup": 0, "patience": 10**6}

RUN = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from poetgen.config import TrainConfig
from poetgen.data.dataset import Dataset
from poetgen.network.trainer import Trainer
data, out, options = Path(sys.argv[1]), Path(sys.argv[2]), eval(sys.argv[3])
resume = (out / "train.state").exists()
for record in Trainer(Dataset.load(data), TrainConfig(**options), out, resume=resume).run():
    print(record["kind"], record["step"], flush=True)
    if record["step"] >= int(sys.argv[4]):
        sys.stdin.read()  # until it is killed
"""


def start(data: Path, out: Path, hold: int = 10**9, **options: object) -> subprocess.Popen[str]:
    """A run that goes no further than the step `hold`."""
    command = [sys.executable, "-c", RUN, str(data), str(out), repr(SMALL | options), str(hold)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def finish(data: Path, out: Path, **options: object) -> dict[str, torch.Tensor]:
    """Train in this process; returns everything in train.state."""
    resume = (out / "train.state").exists()
    list(Trainer(Dataset.load(data), TrainConfig(**(SMALL | options)), out, resume=resume).run())
    return read_tensors(out / checkpoint.STATE)[0]


@pytest.mark.parametrize("sampling", ["poems", "sequential", "random"])
def test_killed_and_resumed_is_bit_for_bit_unbroken(prepared: Path, tmp_path: Path, sampling: str) -> None:
    options = {"sampling": sampling, "epochs": 3, "precision": "fp32", "dropout": 0.2}
    whole = finish(prepared, tmp_path / "whole", **options)
    process = start(prepared, tmp_path / "killed", hold=30, **options)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("eval") and int(line.split()[1]) >= 6:
            process.kill()  # it goes on for a few steps that are lost, and made again below
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"
    resumed = finish(prepared, tmp_path / "killed", **options)
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
    ids = {Checkpoint.load(tmp_path / name).id for name in ("whole", "killed")}
    assert len(ids) == 1


def test_twenty_kills_at_random_instants(prepared: Path, tmp_path: Path) -> None:
    draw = random.Random(20)
    out = tmp_path / "run"
    steps = []
    for _ in range(20):
        process = start(prepared, out, epochs=10**6)
        assert process.stdout is not None
        # The first save of all is under way from the first evaluation on.
        evaluations = 0
        while evaluations < (1 if steps else 2):
            line = process.stdout.readline()
            assert line, "the run did not go on"
            evaluations += line.startswith("eval")
        time.sleep(draw.uniform(0, 0.3))
        process.kill()
        process.communicate()
        Checkpoint.load(out)
        tensors, _ = read_tensors(out / checkpoint.STATE)
        steps.append(int(max(value for name, value in tensors.items() if name.endswith(".step"))))
    assert steps == sorted(steps) and steps[-1] > steps[0], "a resumed run must go on, never back"
