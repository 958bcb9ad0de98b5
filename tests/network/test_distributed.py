"""Many processes that train one model, started by torchrun as people do it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from poetgen import cli
from poetgen.config import TrainConfig
from poetgen.data.dataset import Dataset
from poetgen.network.checkpoint import STATE, WEIGHTS, Checkpoint, read_tensors
from poetgen.network.distributed import World, join
from poetgen.network.trainer import Trainer

from helpers import TINY, free_port

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "poetgen"]
#: Longer than anything takes, so that what hangs is seen as such.
PATIENCE = 300


def arguments(data: Path, out: Path, config: TrainConfig) -> list[str]:
    """The words of `poetgen train` with all the options of `config`."""
    words = ["train", "--data", str(data), "--out", str(out)]
    for name, value in vars(config).items():
        flag = name.replace("_", "-")
        if name == "tie":
            words.append("--tie" if value else "--no-tie")
        elif isinstance(value, bool):
            words += [f"--{flag}"] * value
        else:
            words += [f"--{flag}", ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return words


def start(data: Path, out: Path, config: TrainConfig, *more: str) -> subprocess.Popen[str]:
    """torchrun with two processes of `poetgen train`."""
    command = [*TORCHRUN, *arguments(data, out, config), *more]
    patient = os.environ | {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(PATIENCE)}  # a slow machine may take its time to save
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=patient)


def start_rank(
    rank: int, port: int, words: list[str], what: Sequence[str] = ("-m", "poetgen")
) -> subprocess.Popen[str]:
    """One of two processes, without torchrun, which would end it when the other ends."""
    place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    environment = os.environ | place | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, *what, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def wait_for_evaluation(out: Path, process: subprocess.Popen[str]) -> None:
    """Until train.state is there, which follows the first evaluation."""
    until = time.monotonic() + PATIENCE
    while not (out / STATE).exists():
        assert process.poll() is None and time.monotonic() < until, "the run did not begin"
        time.sleep(0.05)


def error_lines(text: str) -> list[str]:
    """What poetgen says of errors, among what torchrun and the run say."""
    return [line for line in text.splitlines() if line.startswith("poetgen: ")]


def figures(record: dict[str, Any]) -> dict[str, float]:
    names = ("loss", "grad_norm", "grad_norm_max", "valid_loss", "ppl_char", "ppl_all", "valid_tokens")
    return {name: record[name] for name in names if name in record}


def assert_alike(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Records of the same run but for rounding and for the time that it took."""
    assert [(r["kind"], r["step"], r["tokens"], r["lr"]) for r in found] == [
        (r["kind"], r["step"], r["tokens"], r["lr"]) for r in expected
    ]
    for record, other in zip(found, expected, strict=True):
        assert figures(record) == pytest.approx(figures(other), rel=1e-3)


def assert_same_weights(one: Path, two: Path) -> None:
    first, second = read_tensors(one / STATE)[0], read_tensors(two / STATE)[0]
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], rtol=1e-2, atol=1e-4, msg=lambda text, name=name: name + text)


# One result, however many compute it -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("sampling", ["poems", "sequential"])
def test_two_processes_do_what_one_does(sampling: str, prepared: Path, tmp_path: Path) -> None:
    """Stopped in the middle of an epoch, the run of two goes on as one of two, and then as one of one."""
    config = replace(TINY, sampling=sampling, dropout=0.0, seq_len=16, lr_steps=(0.01,), epochs=2)
    whole = [record.facts() for record in Trainer(Dataset.load(prepared), config, tmp_path / "one").run()]
    out = tmp_path / "two"
    half = start(prepared, out, replace(config, epochs=1.25))
    printed, err = half.communicate(timeout=PATIENCE)
    assert half.returncode == 0, err
    assert printed == "" and err.count("holds the best model") == 1 and "2 processes" in err
    first = records(out)
    assert first[-1]["epoch"] % 1, "a test of nothing"
    common = [r for r in whole if r["step"] <= first[-1]["step"] and r["step"] % 10 == 0]
    assert_alike([r for r in first if r["step"] % 10 == 0 and r["kind"] != "end"], common)
    more = start(prepared, out, replace(config, epochs=1.5), "--resume")
    _, err = more.communicate(timeout=PATIENCE)
    assert more.returncode == 0 and f"2 processes, from step {first[-1]['step']}" in err, err
    rest = [record.facts() for record in Trainer(Dataset.load(prepared), config, out, resume=True).run()]
    assert_alike([rest[-2]], [whole[-2]])
    assert_same_weights(tmp_path / "one", out)


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("init_embeddings", [False, True])
def test_shards_are_the_same_in_ranks_and_in_parts(init_embeddings: bool, prepared: Path, tmp_path: Path) -> None:
    """Down to their dropout, and to the vectors that they start from: two processes, and one that does two parts."""
    config = replace(TINY, dropout=0.3, epochs=1, init_embeddings=init_embeddings)
    run = start(prepared, tmp_path / "ranks", config)
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, err
    parts = Trainer(Dataset.load(prepared), replace(config, accumulate=2), tmp_path / "parts")
    assert_alike(records(tmp_path / "ranks"), [record.facts() for record in parts.run()])
    assert_same_weights(tmp_path / "ranks", tmp_path / "parts")


# Ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_others(victim: int, prepared: Path, tmp_path: Path) -> None:
    config = replace(TINY, epochs=10**6, eval_every=5, patience=10**6)
    words, port = arguments(prepared, tmp_path, config), free_port()
    ranks = [start_rank(rank, port, words) for rank in range(2)]
    wait_for_evaluation(tmp_path, ranks[0])
    ranks[victim].kill()
    ranks[victim].communicate()
    survivor = ranks[1 - victim]
    out, err = survivor.communicate(timeout=PATIENCE)
    assert (survivor.returncode, out) == (1, "")
    assert "a process of the run has ended or does not answer" in err.splitlines()[-1] and len(error_lines(err)) == 1
    assert "Traceback" not in err
    Checkpoint.load(tmp_path)
    resumed = Trainer(Dataset.load(prepared), replace(config, epochs=1), tmp_path, resume=True)
    assert resumed.position.step >= 5


@pytest.mark.slow
@pytest.mark.processes
def test_torchrun_ends_when_one_process_is_killed(prepared: Path, tmp_path: Path) -> None:
    """And the other says why; at the second try at the latest, for torchrun may end that one, too, before it can."""
    for out in (tmp_path / "first", tmp_path / "second"):
        run = start(prepared, out, replace(TINY, epochs=10**6, eval_every=5, patience=10**6))
        wait_for_evaluation(out, run)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
        if not children.exists():
            run.terminate()
            run.communicate()
            pytest.skip("no list of children here")
        os.kill(int(children.read_text().split()[-1]), signal.SIGKILL)
        _, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 1
        Checkpoint.load(out)
        if error_lines(err):
            break
    assert len(error_lines(err)) == 1 and "go on from it with --resume" in error_lines(err)[0]


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_saves_once_and_stops_everywhere(number: signal.Signals, prepared: Path, tmp_path: Path) -> None:
    run = start(prepared, tmp_path, replace(TINY, epochs=10**6, eval_every=20, patience=10**6))
    wait_for_evaluation(tmp_path, run)
    run.send_signal(number)
    _, err = run.communicate(timeout=PATIENCE)
    (line,) = (line for line in err.splitlines() if line.startswith("stopped at step"))
    end = records(tmp_path)[-1]
    assert end["reason"] == "interrupted" and f"stopped at step {end['step']:,}, and saved" in line
    assert not error_lines(err)
    assert json.loads(read_tensors(tmp_path / STATE)[1]["run"])["progress"]["step"] == end["step"]


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize(
    ("case", "message"),
    [("data", "no prepared dataset here"), ("out", "holds a run already"), ("clip", "--clip -1: give a number")],
)
def test_bad_input_is_reported_once(case: str, message: str, prepared: Path, tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "nowhere" if case == "data" else prepared
    out = tiny if case == "out" else tmp_path / "run"
    run = start(data, out, TINY, *(["--clip", "-1"] if case == "clip" else []))
    printed, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 1 and printed == ""
    assert len(error_lines(err)) == 1 and message in error_lines(err)[0]


@pytest.mark.slow
@pytest.mark.processes
def test_no_process_goes_on_before_all_have_joined(tmp_path: Path) -> None:
    """One that ended before, as by an error, would leave the others looking for it."""
    port, come = free_port(), tmp_path / "come"
    slow = (
        "import pathlib, sys, time\n"
        "import torch.distributed as dist\n"
        "from poetgen.network import distributed\n"
        "join = dist.init_process_group\n"
        "def late(*args, **options):\n"
        "    join(*args, **options)\n"
        "    time.sleep(1)\n"
        "    pathlib.Path(sys.argv[1]).touch()\n"
        "dist.init_process_group = late\n"
        "distributed.join().gather(None)\n"
        "distributed.end(0)\n"
    )
    quick = (
        "import os, pathlib, sys\n"
        "from poetgen.network import distributed\n"
        "world = distributed.join()\n"
        "assert pathlib.Path(sys.argv[1]).exists()\n"
        "world.gather(None)\n"
        "distributed.end(0)\n"
    )
    ranks = [start_rank(rank, port, [str(come)], ["-c", code]) for rank, code in enumerate((quick, slow))]
    errors = [process.communicate(timeout=PATIENCE)[1] for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], errors


@pytest.mark.slow
@pytest.mark.processes
def test_who_has_the_word_may_finish(tmp_path: Path) -> None:
    """torchrun ends all processes as soon as one has ended, however slowly another is still speaking."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, time\n"
        "from poetgen.network import distributed\n"
        "with distributed.join() as world:\n"
        "    if world.rank == 0 and world.tells():\n"
        "        world.gather(None)\n"
        "        time.sleep(2)\n"
        "        print('poetgen: what was wrong', file=sys.stderr, flush=True)\n"
        "        os._exit(1)\n"
        "    world.gather(None)\n"
        "    os._exit(world.tells() or 1)\n"
    )
    done = subprocess.run([*TORCHRUN[:-2], str(script)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and error_lines(done.stderr) == ["poetgen: what was wrong"]


@pytest.mark.slow
@pytest.mark.processes
def test_processes_without_the_same_dataset_say_so(prepared: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in prepared.iterdir():
        text = path.read_bytes()
        (other / path.name).write_bytes(text.replace(b'"fingerprint": "', b'"fingerprint": "0'))
    port = free_port()
    ranks = [start_rank(rank, port, arguments((prepared, other)[rank], tmp_path / "run", TINY)) for rank in range(2)]
    errors = [process.communicate(timeout=PATIENCE)[1] for process in ranks]
    assert [process.returncode for process in ranks] == [1, 1]
    assert error_lines("".join(errors)) == [
        "poetgen: --data: process 1 has another dataset than process 0; copy it there"
    ]
    assert not (tmp_path / "run" / WEIGHTS).exists()


# A world of one --------------------------------------------------------------------------------------------------


def test_a_process_of_its_own_is_a_world_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join() as world:
        assert type(world) is World and (world.rank, world.size) == (0, 1)
        tensor = torch.ones(3)
        world.sum(tensor)
        assert torch.equal(tensor, torch.ones(3))
        assert world.first(lambda: 7) == 7 and world.gather("a") == ["a"] and world.tells()
        assert world.device("cuda") == "cuda"
    assert not torch.distributed.is_initialized()


def test_a_broken_environment_is_an_error_of_one_line(prepared: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MASTER_")}
    done = subprocess.run(
        [sys.executable, "-m", "poetgen", *arguments(prepared, tmp_path, TINY)],
        env=environment | {"WORLD_SIZE": "2", "RANK": "0"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "the processes of the run do not find each other" in done.stderr and "MASTER_ADDR" in done.stderr


#: What torchrun would set for the first of two processes.
ENVIRONMENT = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("WORLD_SIZE", value) for value in ("two", "0", "-1", "1.5", "9" * 5000)]
    + [("RANK", value) for value in ("one", "2", "-1", "0x1")]
    + [("LOCAL_RANK", "first"), ("LOCAL_RANK", "7"), ("MASTER_PORT", "http"), ("MASTER_PORT", "0")]
    + [("MASTER_PORT", "70000")],
    ids=lambda value: value[:20],
)
def test_an_environment_that_makes_no_sense_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, usual in ENVIRONMENT.items():
        monkeypatch.setenv(variable, usual)
    monkeypatch.setenv(name, value)
    for command in (["train", "--data", "nowhere"], ["sample", "春夜"]):
        with pytest.raises(SystemExit) as ended:
            # A process of several ends at once where nothing is wrong with its environment.
            monkeypatch.setattr(os, "_exit", sys.exit)
            cli.main(command)
        (line,) = capsys.readouterr().err.splitlines()
        assert ended.value.code == 2
        assert line.startswith(f"poetgen: {name}={value[:100]}") and ": not a whole number " in line
        assert "torchrun" in line and len(line) < 1200
    assert not torch.distributed.is_initialized()


def test_commands_of_one_process_do_not_mind_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert not ended.value.code
