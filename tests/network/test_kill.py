"""A run that is killed at any instant leaves a checkpoint that samples and a state that resumes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from poetgen.config import TrainConfig
from poetgen.data.dataset import Dataset
from poetgen.network import checkpoint
from poetgen.network.checkpoint import Checkpoint, read_tensors
from poetgen.network.records import LOG, read_log
from poetgen.network.trainer import Trainer

#: Saves at every other step, so that most instants fall into a save.
SMALL = {
    "hidden": 16,
    "embed": 16,
    "batch_size": 4,
    "seq_len": 32,
    "eval_every": 2,
    "warmup": 0,
    "patience": 10**6,
    "precision": "fp32",
}

#: Starts a run for each line that it reads, and tells of its end. Torch is loaded once: each run is a fork.
NURSERY = """
import json, os, signal, sys, torch
from pathlib import Path
torch.set_num_threads(1)
from poetgen.config import TrainConfig
from poetgen.data.dataset import Dataset
from poetgen.network.trainer import Trainer

def run(data, out, options, hold):
    resume = (out / "train.state").exists()
    for record in Trainer(Dataset.load(data), TrainConfig(**options), out, resume=resume).run():
        os.write(1, f"{record.kind} {record.step}\\n".encode())  # whole, or not at all
        if record.step >= hold:
            signal.pause()  # until it is killed

for line in sys.stdin:
    data, out, options, hold = json.loads(line)
    pid = os.fork()
    if not pid:
        run(Path(data), Path(out), options, hold)
        os._exit(0)
    print("pid", pid, flush=True)
    print("end", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Nursery:
    """A process that starts runs, one at a time, and passes on what they print."""

    def __init__(self) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", NURSERY]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._pid = 0

    def start(self, data: Path, out: Path, hold: int = 10**9, **options: object) -> None:
        """Start a run that goes no further than the step `hold`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(data), str(out), SMALL | options, hold]) + "\n")
        self._process.stdin.flush()
        self._pid = self._next("pid")

    def next_evaluation(self) -> int:
        """Wait for an evaluation; its step."""
        return self._next("eval")

    def kill(self) -> None:
        """Kill the run, and wait until it is gone."""
        os.kill(self._pid, signal.SIGKILL)
        assert self._next("end") == -signal.SIGKILL, "the run ended before it could be killed"

    def close(self) -> None:
        """End the process; a run that a failed test has left is killed."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._process.communicate()

    def _next(self, kind: str) -> int:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, number = line.split()
            if word == kind:
                return int(number)
            assert word != "end" or (kind == "pid"), "the run did not go on"
        raise AssertionError("the nursery ended")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    process = Nursery()
    yield process
    process.close()


def finish(data: Path, out: Path, **options: object) -> dict[str, torch.Tensor]:
    """Train in this process; returns everything in train.state."""
    resume = (out / "train.state").exists()
    list(Trainer(Dataset.load(data), TrainConfig(**(SMALL | options)), out, resume=resume).run())
    return read_tensors(out / checkpoint.STATE)[0]


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("sampling", ["poems", "sequential", "random"])
def test_killed_and_resumed_is_bit_for_bit_unbroken(
    nursery: Nursery, prepared: Path, tmp_path: Path, sampling: str
) -> None:
    options = {"sampling": sampling, "epochs": 3, "precision": "fp32", "dropout": 0.2}
    whole = finish(prepared, tmp_path / "whole", **options)
    nursery.start(prepared, tmp_path / "killed", hold=30, **options)
    while nursery.next_evaluation() < 6:
        pass
    nursery.kill()  # it went on for a few steps that are lost, and made again below
    resumed = finish(prepared, tmp_path / "killed", **options)
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
    ids = {Checkpoint.load(tmp_path / name).id for name in ("whole", "killed")}
    assert len(ids) == 1
    logs = [[record.step for record in read_log(tmp_path / name / LOG)] for name in ("whole", "killed")]
    assert logs[0] == logs[1], "no step is logged twice, and none is missing"


@pytest.mark.processes
@pytest.mark.slow
def test_twenty_kills_at_random_instants(nursery: Nursery, prepared: Path, tmp_path: Path) -> None:
    draw = random.Random(20)
    out = tmp_path / "run"
    steps: list[int] = []
    for _ in range(20):
        nursery.start(prepared, out, epochs=10**6)
        # The first save of all is under way from the first evaluation on.
        for _ in range(1 if steps else 2):
            nursery.next_evaluation()
        time.sleep(draw.uniform(0, 0.3))
        nursery.kill()
        Checkpoint.load(out)
        tensors, _ = read_tensors(out / checkpoint.STATE)
        steps.append(int(max(value for name, value in tensors.items() if name.endswith(".step"))))
        logged = [record.step for record in read_log(out / LOG) if record.kind == "eval"]
        assert logged == sorted(set(logged)), "a step is logged twice"
    assert steps == sorted(steps) and steps[-1] > steps[0], "a resumed run must go on, never back"
