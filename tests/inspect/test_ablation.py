"""The grid of windows and widths: equal batches, equal minutes, the same tokens, and going on where it stopped."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from poetgen import cli
from poetgen.config import TrainConfig
from poetgen.data.dataset import Dataset, Split
from poetgen.errors import DatasetError, DivergedError, UsageError
from poetgen.folders import claimed
from poetgen.inspect import ablation
from poetgen.inspect.ablation import Grid, Run, run_grid
from poetgen.network.records import parse_record
from poetgen.plots import ablation as pictures
from poetgen.progress import StageCallback

GRID = Grid((16, 32), (8, 12), minutes=0.004, batch_tokens=256, device="cpu")
RUNS = [
    Run(16, 8, 500.0, 200.0, 40, 4000, 2.0, "fp32"),
    Run(32, 8, 450.0, 180.0, 40, 4000, 2.0, "fp32"),
    Run(16, 12, math.inf, math.inf, 3, 300, 0.5, "fp32"),
]


@pytest.fixture(scope="module")
def dataset(prepared: Path) -> Dataset:
    return Dataset.load(prepared)


@pytest.fixture(scope="module")
def grid(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Run]]:
    """A whole grid, and its log."""
    log = tmp_path_factory.mktemp("grid") / "out" / "ablate.jsonl"
    return log, list(run_grid(dataset, GRID, log))


def no_training(*args: Any, **more: Any) -> Any:
    raise AssertionError("nothing is left to train")


def test_batches_hold_as_many_tokens_whatever_the_window() -> None:
    configs = Grid().configs()
    assert {(config.seq_len, config.hidden) for config in configs} == {
        (seq_len, hidden) for seq_len in (16, 32, 64, 96) for hidden in (128, 256, 512)
    }
    assert {config.batch_size * config.seq_len for config in configs} == {TrainConfig.batch_size * TrainConfig.seq_len}
    assert {(config.max_minutes, config.epochs, config.sampling) for config in configs} == {(1.0, 0, "poems")}
    assert configs == Grid().configs() != Grid(seed=2).configs()
    rest = {replace(config, hidden=1, seq_len=1, batch_size=1) for config in configs}
    assert rest == {TrainConfig(hidden=1, seq_len=1, batch_size=1, max_minutes=1.0)}


@pytest.mark.slow
def test_every_run_of_a_grid(grid: tuple[Path, list[Run]]) -> None:
    log, runs = grid
    assert {(run.seq_len, run.hidden) for run in runs} == {(16, 8), (16, 12), (32, 8), (32, 12)}
    for run in runs:
        assert 1 < run.ppl_all < run.ppl_char < 1000 and run.steps > 0 and run.tokens_per_second > 0
        assert 0.12 < run.seconds < 30  # 0.24 are asked for
    assert len(log.read_text().splitlines()) == 4 and [path.name for path in log.parent.iterdir()] == [log.name]


@pytest.mark.slow
def test_all_are_scored_on_the_same_tokens(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = []
    batches = ablation.validation_batches
    monkeypatch.setattr(
        ablation, "validation_batches", lambda *args: scored.append([b.labels.tolist() for b in batches(*args)]) or []
    )
    list(run_grid(dataset, GRID, tmp_path / "log"))
    assert len(scored) == 4 and all(own == scored[0] for own in scored)
    bodies = int(dataset.valid.poems["body"].sum()) + len(dataset.valid)
    assert sum(bool(id) for batch in scored[0] for row in batch for id in row) == bodies


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(
    dataset: Dataset, grid: tuple[Path, list[Run]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "ablate.jsonl"
    other = list(run_grid(dataset, replace(GRID, seq_lens=(16,), hiddens=(8,), seed=5), log))
    told: list[float] = []
    begun = run_grid(dataset, GRID, log, lambda stage, done, total: told.append(done))
    first = [next(begun), next(begun)]
    begun.close()  # as Ctrl-C does
    order = [int(done) for done in told]  # within a run the time that is left is but guessed at
    assert len(log.read_text().splitlines()) == 3 and max(told) == 2 and order == sorted(order)
    trained = []
    train = ablation._train
    monkeypatch.setattr(ablation, "_train", lambda *args: trained.append(args) or train(*args))
    whole = list(run_grid(dataset, GRID, log))
    assert whole[:2] == first and len(whole) == 4 and len(trained) == 2
    monkeypatch.setattr(ablation, "_train", no_training)
    assert list(run_grid(dataset, GRID, log)) == whole
    assert list(run_grid(dataset, replace(GRID, seq_lens=(16,), hiddens=(8,), seed=5), log)) == other
    with pytest.raises(AssertionError):  # more minutes are another grid
        list(run_grid(dataset, replace(GRID, minutes=0.005), log))


def test_a_run_that_diverges_is_a_result(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverges(trainer: Any) -> Any:
        yield parse_record('{"kind": "step", "share": 0.5, "step": 10, "loss": null}')
        raise DivergedError("no number any more")

    monkeypatch.setattr(ablation.Trainer, "run", diverges)
    log = tmp_path / "ablate.jsonl"
    told: list[tuple[str, float, float]] = []
    (run,) = run_grid(dataset, replace(GRID, seq_lens=(16,), hiddens=(8,)), log, lambda *args: told.append(args))
    assert [done for _, done, _ in told] == [0.5, 1] and "window 16, hidden 8: step 10" in told[0][0]
    assert run.ppl_char == run.ppl_all == math.inf and '"ppl_char": null' in log.read_text()
    monkeypatch.setattr(ablation, "_train", no_training)
    assert list(run_grid(dataset, replace(GRID, seq_lens=(16,), hiddens=(8,)), log)) == [run]


@pytest.mark.parametrize(
    "text",
    ["not json\n", '{"kind": "step"}\n', "[]\n", '{"options": {}, "run": {"seq_len": 1}}\n', "[" * 100_000 + "\n"],
    ids=["text", "another record", "a list", "another run", "a deep list"],
)
def test_a_log_of_another_kind_is_left_alone(text: str, dataset: Dataset, tmp_path: Path) -> None:
    log = tmp_path / "ablate.jsonl"
    log.write_text(text)
    with pytest.raises(UsageError, match=r"ablate\.jsonl.*--out"):
        list(run_grid(dataset, GRID, log))
    assert log.read_text() == text


def test_bad_grids(dataset: Dataset, tmp_path: Path) -> None:
    for minutes in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="--minutes"):
            Grid(minutes=minutes)
    with pytest.raises(UsageError, match="--sampling whole"):
        Grid(sampling="whole")
    with pytest.raises(UsageError, match="--batch-tokens 31: give at least as many as the longest --seq-len, 32"):
        replace(GRID, batch_tokens=31)
    assert {config.batch_size for config in replace(GRID, batch_tokens=32).configs()} == {1, 2}
    with pytest.raises(UsageError, match="--hidden 0"):
        Grid(hiddens=(0,))
    empty = Dataset(
        dataset.vocab, dataset.train, Split(dataset.valid.tokens, dataset.valid.poems[:0], dataset.valid.layout), "x"
    )
    with pytest.raises(DatasetError, match="--valid-share"):
        list(run_grid(empty, GRID, tmp_path / "log"))


# The picture and the command -------------------------------------------------------------------------------------


def test_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(pictures, "save", lambda figure, stem: drawn.append(figure) or [])
    pictures.draw_ablation(RUNS, "caption", tmp_path / "ablate")
    (axes,) = drawn[0].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["16", "32"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["8", "12"]
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    assert "ppl_all 200.0, 40 steps" in texts
    assert texts["500.0"][0] == 0 and texts["450.0"][0] == 1 and texts["diverged"][0] == 0
    field = axes.images[0].get_array().filled(-1)
    assert field.tolist() == [[500, 450], [-1, -1]]
    assert axes.patches[0].get_x() > 0.5 and axes.patches[0].get_y() < 0  # the frame of the best
    pictures.draw_ablation(RUNS[2:], "nothing but what diverged", tmp_path / "ablate")


def run(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        cli.main(["inspect", "ablate", *args])
    out, err = capsys.readouterr()
    assert isinstance(exit.value.code, int)
    return exit.value.code, out, err


@pytest.mark.slow
def test_the_command(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", str(prepared), "--out", str(tmp_path), "--minutes", "0.004", "--batch-tokens", "256"]
    args = [*options, "--seq-len", "32,16", "--hidden", "8", "--device", "cpu"]
    code, out, err = run(args, capsys)
    assert code == 0, err
    rows = [line.split() for line in out.splitlines()]
    assert rows[0][:4] == ["window", "hidden", "ppl_char", "ppl_all"] and [row[0] for row in rows[1:]] == ["16", "32"]
    assert "2 of 2 runs" in err and (tmp_path / "ablate.png").exists() and (tmp_path / "ablate.svg").exists()
    code, out, err = run([*args, "--json"], capsys)
    records = {record["seq_len"]: record for record in map(json.loads, out.splitlines())}
    assert {f"{records[int(row[0])]['ppl_char']:.1f}" == row[2] for row in rows[1:]} == {True}
    best = min(records.values(), key=lambda record: record["ppl_char"])
    assert [row[0] for row in rows if row[-1] == "best"] == [str(best["seq_len"])]


def test_a_second_one_into_the_same_log_is_refused(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ablation, "_train", no_training)
    with claimed(tmp_path):
        code, out, err = run(["--data", str(prepared), "--out", str(tmp_path)], capsys)
    assert (code, out) == (1, "") and f"{tmp_path}: another process is writing it; wait for its end" in err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_keeps_what_is_done(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*args: Any) -> Any:
        yield from RUNS[1:]
        raise KeyboardInterrupt

    monkeypatch.setattr(ablation, "run_grid", interrupted)
    code, out, err = run(["--data", str(prepared), "--out", str(tmp_path), "--hidden", "8,12"], capsys)
    assert code == 130 and "2 of 8 runs" in err and "resumes" in err
    assert "diverged" in out and (tmp_path / "ablate.png").exists()


def test_a_signal_that_was_not_heard_is_not_lost(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Python raises in a callback of the garbage collector goes nowhere."""

    def deaf(dataset: Dataset, grid: Grid, log: Path, told: StageCallback) -> Iterator[Run]:
        yield RUNS[0]
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        told("", 1.5, 2)
        yield RUNS[1]

    monkeypatch.setattr(ablation, "run_grid", deaf)
    code, _, err = run(["--data", str(prepared), "--out", str(tmp_path)], capsys)
    assert code == 130 and "1 of 12 runs" in err and "resumes" in err


@pytest.mark.slow
@pytest.mark.processes
def test_a_killed_grid_leaves_nothing_of_its_run_behind(prepared: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "poetgen", "inspect", "ablate", "--data", str(prepared), "--out", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--seq-len", "16", "--hidden", "8", "--batch-tokens", "256", "--device", "cpu"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    until = time.monotonic() + 300
    while not list(temporary.glob("poetgen-ablate-*/*")):
        assert process.poll() is None and time.monotonic() < until, "the run did not begin"
        time.sleep(0.05)
    process.terminate()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 143 and "Traceback" not in err and "resumes" in err
    assert not list(temporary.glob("poetgen-ablate-*"))


def test_too_large_a_network_is_told(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: Any) -> Any:
        yield RUNS[0]
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(ablation, "run_grid", full)
    code, _, err = run(["--data", str(prepared), "--out", str(tmp_path)], capsys)
    assert code == 1 and err == "poetgen: not enough memory: give smaller --hidden or --batch-tokens\n"


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--seq-len", "0"], "--seq-len 0"),
        (["--hidden", ","], "--hidden"),
        (["--minutes", "0"], "--minutes"),
        (["--batch-tokens", "95"], "--batch-tokens 95"),
        (
            ["--batch-tokens", "1600001", "--seq-len", "16"],
            "--batch-tokens 1600001: give a number of at most 1,600,000",
        ),
    ],
)
def test_wrong_options(args: list[str], named: str, prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(["--data", str(prepared), *args], capsys)
    assert code == 2 and named in err and len(err.splitlines()) == 1 and not out


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ablation, "_train", no_training)
    (tmp_path / "taken").write_text("")
    code, out, err = run(["--data", str(prepared), "--out", str(tmp_path / "taken")], capsys)
    assert (code, out) == (1, "") and "cannot be written" in err and len(err.splitlines()) == 1
