"""A run in TensorBoard's event files, read back by TensorBoard itself."""

import math
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from poetgen import cli
from poetgen.cli import training_view
from poetgen.errors import SaveError, UsageError
from poetgen.network.records import EvalRecord, RateRecord, StepRecord, TrainingRecord, read_log
from poetgen.network.tensorboard import FOLDER, TAGS, Board
from poetgen.plots import training

TRAIN = "train --hidden 8 --embed 8 --layers 1 --precision fp32 --device cpu --warmup 0".split()

Run = Callable[..., tuple[int, str]]

STAMP: dict[str, Any] = {"step": 10, "epoch": 0.5, "seconds": 1.0, "tokens": 9, "share": 0.5, "lr": 0.001}
STEP = StepRecord(
    **STAMP, loss=1.0, perplexity=2.7, grad_norm=1.0, grad_norm_max=2.0, clipped=0.0, tokens_per_second=9.0
)
EVAL = EvalRecord(**STAMP, ppl_char=9.0, ppl_all=8.0, valid_tokens=9, valid_loss=2.0, best=True)


@pytest.fixture
def place(tmp_path: Path, prepared: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a dataset and a run; its picture is not drawn."""
    shutil.copytree(prepared, tmp_path / "corpora" / "prepared")
    shutil.copytree(tiny, tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "draw_run", lambda *args: [])
    return tmp_path


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process; gives its exit code and what it said on stderr."""

    def run(*args: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as exit:
            cli.main(args)
        return int(exit.value.code or 0), capsys.readouterr().err

    return run


def read(out: Path) -> EventAccumulator:
    """All that TensorBoard makes of a run, nothing thinned out."""
    events = EventAccumulator(str(out / FOLDER), size_guidance={"scalars": 0, "tensors": 0})
    return events.Reload()


def curve(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    if tag not in events.Tags()["scalars"]:
        return []
    return [(point.step, point.value) for point in events.Scalars(tag)]


def texts(events: EventAccumulator) -> dict[int, str]:
    return {text.step: text.tensor_proto.string_val[0].decode() for text in events.Tensors("lines/text_summary")}


def same_as_log(out: Path) -> bool:
    """Whether the event files hold what log.jsonl says, each figure of each step once."""
    events, log = read(out), read_log(out / "log.jsonl")
    for kind, tags in TAGS.items():
        for name, tag in tags.items():
            logged = [(r.step, getattr(r, name)) for r in log if type(r) is kind and math.isfinite(getattr(r, name))]
            shown = curve(events, tag)
            assert [step for step, _ in shown] == [step for step, _ in logged], tag
            assert [value for _, value in shown] == pytest.approx([value for _, value in logged], rel=1e-6), tag
    return True


def test_the_event_files_say_what_the_log_says(run: Run) -> None:
    code, said = run(*TRAIN, "--epochs", "2", "--eval-every", "10", "--out", "run", "--tensorboard")
    assert code == 0
    out = Path("run")
    assert same_as_log(out)
    events, log = read(out), read_log(out / "log.jsonl")
    assert set(events.Tags()["scalars"]) == {tag for tags in TAGS.values() for tag in tags.values()}
    # The times are those of the records, from when the run began.
    seconds = [record.seconds for record in log if isinstance(record, StepRecord)]
    times = [point.wall_time for point in events.Scalars("train/loss")]
    assert [time - times[0] for time in times] == pytest.approx([s - seconds[0] for s in seconds], abs=1e-3)
    # The text is what stood under each evaluation.
    written = texts(events)
    assert list(written) == [record.step for record in log if isinstance(record, EvalRecord)]
    assert all(line in said.splitlines() for text in written.values() for line in text.splitlines())


def test_without_the_option_there_is_nothing(run: Run) -> None:
    assert run(*TRAIN, "--epochs", "0.5", "--out", "run")[0] == 0
    assert not (Path("run") / FOLDER).exists()


def test_repeated_steps_do_not_double(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    show = training_view.RunView.show

    def killing(view: training_view.RunView, record: TrainingRecord) -> None:
        show(view, record)
        if isinstance(record, StepRecord) and record.step == 20:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training_view.RunView, "show", killing)
        given = (*TRAIN, "--epochs", "12", "--eval-every", "15", "--out", "run", "--tensorboard")
        assert run(*given)[0] == 130
    assert read_log(Path("run/log.jsonl"))[-1].step == 20, "no step comes twice, so that this shows nothing"
    code, said = run("train", "--resume", "--out", "run", "--tensorboard")
    assert code == 0 and ", from step 15" in said
    assert same_as_log(Path("run"))


def test_going_on_after_ctrl_c(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    show = training_view.RunView.show

    def interrupting(view: training_view.RunView, record: TrainingRecord) -> None:
        show(view, record)
        if isinstance(record, StepRecord) and record.step == 10:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training_view.RunView, "show", interrupting)
        code, said = run(*TRAIN, "--epochs", "9", "--out", "run", "--tensorboard")
    assert code == 130
    command = said.splitlines()[-1].split("to go on: poetgen ")[1]
    assert command.endswith(" --tensorboard")
    assert run(*shlex.split(command))[0] == 0
    assert same_as_log(Path("run"))


def test_overwrite_removes_the_old_events_and_nothing_else(run: Run) -> None:
    given = (*TRAIN, "--out", "run", "--overwrite")
    folder = Path("run") / FOLDER
    assert run(*given, "--epochs", "2", "--tensorboard")[0] == 0
    (before,) = folder.iterdir()
    assert run(*given, "--epochs", "0.5", "--tensorboard")[0] == 0
    (after,) = folder.iterdir()
    assert after != before and same_as_log(Path("run"))
    (folder / "notes.txt").write_text("mine")
    assert run(*given, "--epochs", "0.5")[0] == 0
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    (folder / "notes.txt").unlink()
    assert run(*given, "--epochs", "0.5")[0] == 0
    assert not folder.exists()


def test_what_is_not_finite_is_left_out(tmp_path: Path) -> None:
    with Board(tmp_path) as board:
        board.show(replace(STEP, **dict.fromkeys(TAGS[StepRecord], math.nan) | {"clipped": 1.0}))
        board.show(replace(EVAL, ppl_char=math.inf, ppl_all=-math.inf))
        board.show(RateRecord(**STAMP, why="jump"))
        board.write([], 10, 1.0)
    events = read(tmp_path)
    assert sorted(events.Tags()["scalars"]) == ["train/clipped", "valid/loss"]
    assert curve(events, "valid/loss") == [(10, 2.0)]


def test_the_files_are_complete_after_an_evaluation(tmp_path: Path) -> None:
    with Board(tmp_path) as board:
        board.write(["# a *line*"], 10, 1.0)
        board.show(EVAL)
        events = read(tmp_path)
        assert curve(events, "valid/ppl_all") == [(10, 8.0)]
        assert texts(events) == {10: "    # a *line*"}


def test_a_folder_that_cannot_be_written(run: Run) -> None:
    Path("run").mkdir()
    (Path("run") / FOLDER).write_text("in the way")
    code, said = run(*TRAIN, "--out", "run", "--tensorboard")
    assert code == 1
    assert said.splitlines()[-1].startswith("poetgen: run/tensorboard: cannot be written (File exists)")


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(SaveError, match="No space left on device"), Board(tmp_path) as board:
        monkeypatch.setattr(board._writer, "add_scalar", full)
        monkeypatch.setattr(board._writer, "close", full)
        board.show(STEP)
    board = Board(tmp_path)
    close = board._writer.close
    with pytest.raises(SaveError, match="No space left on device"), board:
        monkeypatch.setattr(board._writer, "close", full)
    close()


@pytest.mark.parametrize("args", [["--out", "new"], ["--out", "tiny", "--overwrite"], ["--out", "tiny", "--resume"]])
def test_without_the_package_nothing_is_touched(args: list[str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in Path("tiny").iterdir()}
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard" or "torch.utils.tens" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    code, said = run(*TRAIN, "--tensorboard", *args)
    assert code == 2
    assert said.startswith("poetgen: --tensorboard: ") and said.count("\n") == 1
    assert 'pip install "poetgen[tensorboard]"' in said
    assert {path: path.read_bytes() for path in Path("tiny").iterdir()} == before
    assert not Path("new").exists()


def test_a_run_without_the_option_needs_no_package(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert run(*TRAIN, "--epochs", "0.5", "--out", "run", "--overwrite")[0] == 0


def test_help_does_not_load_it() -> None:
    code = (
        "import sys; from poetgen.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: print([name for name in sys.modules if 'tensorboard' in name or name == 'torch'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--tensorboard" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_error_is_one_of_usage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(UsageError):
        Board(tmp_path)
    assert not list(tmp_path.iterdir())
