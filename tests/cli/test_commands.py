"""The command line: what goes in, what comes out on stdout and stderr, and the exit codes."""

import itertools
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

import poetgen
from poetgen import cli
from poetgen.cli import training_view
from poetgen.cli.progress_bar import ProgressBar
from poetgen.config import EvaluateConfig
from poetgen.errors import SaveError
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.records import StepRecord, TrainingRecord, read_log
from poetgen.plots import training
from poetgen.writing.sample import Job, Sample
from poetgen.writing.writer import Writer

from helpers import make_poem

GROUP: Any = typer.main.get_command(cli.app)
#: Every command by the words that call it.
COMMANDS: dict[str, Any] = {
    f"{name} {inner}".strip(): command
    for name, outer in GROUP.commands.items()
    for inner, command in getattr(outer, "commands", {"": outer}).items()
}


@dataclass
class Result:
    """What a run of the command left."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr with which a failed command ends."""
        assert self.out == ""
        assert self.err.count("\n") == 1 and self.err.startswith("poetgen: "), self.err
        return self.err.removeprefix("poetgen: ").rstrip()


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process, which spares loading torch each time."""
    # A slow machine would show progress among what is printed.
    monkeypatch.setattr(ProgressBar.__init__, "__defaults__", (None, 3600.0, 10.0))

    def run(*args: object) -> Result:
        with pytest.raises(SystemExit) as exit:
            cli.main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return Result(int(exit.value.code or 0), out, err)

    return run


@pytest.fixture
def place(tmp_path: Path, corpus: Path, prepared: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, laid out as the commands expect by default."""
    (tmp_path / "corpora").mkdir()
    shutil.copy(corpus, tmp_path / "corpora" / "starter.jsonl")
    shutil.copytree(prepared, tmp_path / "corpora" / "prepared")
    shutil.copytree(tiny, tmp_path / "checkpoints" / "tiny")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def unpictured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs without a picture, which takes longer to draw than a tiny model to train."""
    monkeypatch.setattr(training, "draw_run", lambda *args: [])


def start(*args: object, **options: object) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "poetgen", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def records(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


TRAIN = ("train", "--hidden", 8, "--embed", 8, "--layers", 1, "--precision", "fp32", "--device", "cpu", "--warmup", 0)


# Help ------------------------------------------------------------------------------------------------------------


def test_the_commands() -> None:
    made = ["preprocess", "train", "sample", "fill", "couplet"]
    assert list(GROUP.commands) == [*made, "evaluate", "score", "check", "models", "inspect"]


#: Commands whose examples train networks, or draw what one has learned.
SLOW = ("train", "evaluate", "inspect map", "inspect gates", "inspect memory", "inspect digits", "inspect ablate")


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in COMMANDS]
)
@pytest.mark.usefixtures("unpictured")
def test_help_ends_with_an_example_that_runs(command: str, run: Run, place: Path) -> None:
    if command == "inspect map":
        pytest.importorskip("sklearn")
    if command == "preprocess":
        shutil.rmtree("corpora/prepared")  # of other sources, which nothing replaces unasked
    if command == "inspect authors":
        pytest.skip("its example wants the poems of several dynasties; tests/inspect/test_authors.py has it on its own")
    if command in ("fill", "couplet"):
        shutil.rmtree("checkpoints")  # the tiny vocabulary has not their characters; the box has
    if command == "models import":
        run("models", "export", "box", "box.zip")
    shown = run(*command.split(), "--help")
    assert shown.code == 0 and shown.err == ""
    example = shown.out.strip().splitlines()[-1].strip()
    assert example.startswith(f"Example: poetgen {command} ")
    # The tiny checkpoint lacks most characters.
    done = run(*shlex.split(example)[2:], *(("--checkpoint", "box") if command in ("fill", "couplet") else ()))
    if command == "inspect authors":  # and its corpus most poems
        assert done.code == 2 and "dynasties with poems enough; give a larger corpus" in done.err
    else:
        assert done.code == 0, done.err
    assert run(*command.split(), "-h").out == shown.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command: str, run: Run) -> None:
    shown = " ".join(run(*command.split(), "--help").out.split())
    for param in COMMANDS[command].params:
        assert getattr(param, "help", None), f"{command}: {param.name} has no help"
    assert COMMANDS[command].callback.__doc__.split("\n")[0] in shown


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from poetgen.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print([m for m in ('torch', 'numpy', 'rich', 'jieba', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_the_version(run: Run) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert run("--version").out == f"poetgen {project['version']}\n" == f"poetgen {poetgen.__version__}\n"


def test_wrong_usage_exits_with_2(run: Run) -> None:
    for args in (["write"], ["sample", "--colour", "red"], ["sample", "春", "--length", "many"]):
        result = run(*args)
        assert (result.code, result.out) == (2, "")
        assert "Usage: poetgen" in result.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("sample 春 --top-k 0", "--top-k 0: give a number of at least 1"),
        ("sample 春 --top-p 0", "--top-p 0: give a share above 0"),
        ("sample 春 --temperature -1", "--temperature -1: give a number of at least 0"),
        ("sample 春 --temperature nan", "--temperature nan"),
        ("sample 春 --length 0", "--length 0: give a number of at least 1"),
        ("sample 春 --num 0", "--num 0: give a number of at least 1"),
        ("sample 春 --seed -5", "--seed -5: give a number of at least 0"),
        ("sample 春 --form 十四行诗", "--form 十四行诗: no such form"),
        ("sample 春 --dynasty 唐潮", "--dynasty 唐潮: not known; did you mean 唐?"),
        ("evaluate --forms 七言绝句,律诗", "--forms 律诗: did you mean 五律 or 七律?"),
        ("sample 春 --dynasty Tudor", "--dynasty Tudor: not known; choose one of 先秦"),
        ("sample 春 --device toaster", "--device toaster: not available here"),
        ("sample 春 --stream --json", "--stream shows characters on the screen"),
        ("sample 春 --input titles.txt", "TITLES and --input: give one of them"),
        ("sample", 'no title: give one, as in poetgen sample "春夜喜雨"'),
        (f"sample {'春' * 10_000}", "a title of 10000 characters: give at most 100"),
        ("evaluate --forms 七绝,水调歌头", "--forms 水调歌头: choose of 五绝, 七绝, 五律, 七律"),
        ("evaluate --forms ,", "--forms: give at least one form"),
        ("evaluate --temperature -1", "--temperature -1: give a number of at least 0"),
        ("evaluate --num -1", "--num -1: give a number of at least 0"),
        (
            "evaluate --checkpoint checkpoints/tiny --checkpoint checkpoints/../checkpoints/tiny",
            "give each folder once",
        ),
        ("evaluate --poems corpora/starter.jsonl --human corpora/starter.jsonl", "--poems and --human: both are"),
        ("evaluate --temperature inf", "--temperature inf: give a finite number of at least 0"),
        ("evaluate --seed 9223372036854775808", "give a number of at least 0 and below 2**63"),
        ("train --lr-steps 0.1,high", "--lr-steps 0.1,high: give numbers"),
        ("train --lr-steps ,", "--lr-steps: give at least one"),
        ("train --cell transformer", "--cell transformer: choose one of lstm, gru, rnn"),
        ("train --embed 0", "--embed 0 (one-hot) has no embedding to tie: add --no-tie"),
        ("train --device toaster --out new", "--device toaster: not available here"),
        ("train --resume --overwrite", "--resume and --overwrite: give one of them"),
        ("train --out checkpoints/tiny", "checkpoints/tiny holds a run already: --resume goes on with it"),
        ("preprocess --script cuneiform", "--script cuneiform: choose one of"),
        ("preprocess --format docx", "--format docx: choose one of auto"),
        ("preprocess --min-count -1", "--min-count -1"),
    ],
)
def test_options_that_cannot_be_honoured(args: str, message: str, run: Run, place: Path) -> None:
    result = run(*args.split(" "))
    assert result.code == 2
    assert message in result.error


def takes_a_number(param: Any) -> bool:
    kind = str(getattr(param, "type_descriptor", None) or param.type.name).lower()
    return bool(re.search("class 'int'|class 'float'|integer|float", kind)) and not param.is_flag


#: Every option that takes a number, with the command that it is of.
NUMBERS = [
    (name, param.opts[0]) for name, command in COMMANDS.items() for param in command.params if takes_a_number(param)
]


@pytest.mark.parametrize(("command", "flag"), NUMBERS, ids=map(" ".join, NUMBERS))
def test_numbers_that_make_no_sense_are_refused(command: str, flag: str, run: Run, place: Path) -> None:
    example = shlex.split(COMMANDS[command].epilog.removeprefix("Example: poetgen "))
    for value in ("", "½", "nan", "-1e999", "9" * 30):
        result = run(*example, f"{flag}={value}")
        assert result.code == 2 and flag in result.err and "Traceback" not in result.err, (value, result.err[:300])
        assert result.out == "" and len(result.err) < 1000


def test_a_gpu_that_is_not_there(run: Run, place: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    for args in (["sample", "春"], ["train", "--out", "new"], ["evaluate", "--poems", "corpora/starter.jsonl"]):
        result = run(*args, "--device", "cuda")
        assert result.code == 2
        assert "--device cuda: not available here" in result.error


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("sample 春 --checkpoint nowhere", "nowhere: no such checkpoint folder"),
        ("sample --list-forms --checkpoint nowhere", "nowhere: no such checkpoint folder"),
        ("sample --input nowhere.txt", "--input nowhere.txt: cannot be read (No such file or directory)"),
        ("sample --input corpora", "--input corpora: cannot be read (Is a directory)"),
        ("sample 春 --output corpora", "--output corpora: cannot be written"),
        ("sample 春 --output corpora/starter.jsonl/x", "--output corpora/starter.jsonl/x: cannot be written"),
        ("train --data nowhere --out new", "nowhere: no prepared dataset here"),
        ("train --resume --out new", "new/train.state: missing, so there is no run to go on with"),
        ("evaluate --data nowhere", "nowhere: no prepared dataset here"),
        ("evaluate --poems nowhere", "nowhere"),
        ("preprocess nowhere --overwrite", "nowhere"),
    ],
)
def test_things_that_are_wrong_exit_with_1(args: str, message: str, run: Run, place: Path) -> None:
    result = run(*args.split(" "))
    assert result.code == 1
    assert message in result.error


# preprocess ------------------------------------------------------------------------------------------------------


def test_preprocess_prints_a_table(run: Run, place: Path) -> None:
    result = run("preprocess", "--out", "data", "--jobs", 1, "--min-count", 1)
    assert (result.code, result.err) == (0, "")
    rows = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert rows["read"] == "60 poems in 1 file"
    assert rows["kept"].startswith("60 poems, ")
    assert rows["forms"] == "15 七律, 15 七绝, 15 五律, 15 五绝"
    assert "jieba" in rows["time"]
    assert {"dropped", "vocabulary", "split", "leak", "written"} <= rows.keys()
    assert (place / "data" / "report.json").exists()


# train -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_train_sample_evaluate(run: Run, place: Path) -> None:
    result = run(*TRAIN, "--epochs", 1)
    assert (result.code, result.out) == (0, "")
    lines = result.err.splitlines()
    assert lines[0].startswith("lstm 1 x 8, ") and lines[0].endswith("into checkpoints/poet")
    assert any("validation ppl_char" in line for line in lines)
    assert lines[-1].endswith("try it: poetgen sample 春夜喜雨 --checkpoint poet")
    made = {path.name for path in (place / "checkpoints" / "poet").iterdir()}
    assert {"model.safetensors", "config.json", "vocab.json", "log.jsonl", "train.state", "run.png", "run.svg"} <= made
    newest = json.loads(run("sample", "春", "--json").out)
    assert newest["checkpoint"] == Checkpoint.load(Path("checkpoints/poet")).id
    assert "checkpoints/poet" in run("evaluate", "--poems", "corpora/starter.jsonl").out


@pytest.mark.usefixtures("unpictured")
def test_the_name_of_the_data_names_the_checkpoint(run: Run, place: Path) -> None:
    (place / "corpora" / "prepared").rename(place / "tang")
    assert run(*TRAIN, "--epochs", 0.5, "--data", "tang").code == 0
    assert (place / "checkpoints" / "tang" / "model.safetensors").exists()


@pytest.mark.usefixtures("unpictured")
def test_overwrite_starts_anew(run: Run, place: Path) -> None:
    tiny = place / "checkpoints" / "tiny"
    (tiny / "notes.txt").write_text("mine")
    assert run(*TRAIN, "--epochs", 0.5, "--out", tiny, "--overwrite").code == 0
    assert read_log(tiny / "log.jsonl")[0].step <= 10
    assert Checkpoint.load(tiny).config["model"]["hidden"] == 8
    assert (tiny / "notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("unpictured")
def test_a_failed_overwrite_loses_nothing(run: Run, place: Path) -> None:
    before = {path: path.read_bytes() for path in (place / "checkpoints" / "tiny").iterdir()}
    for wrong in (["--data", "nowhere"], ["--device", "toaster"]):
        assert run("train", "--out", "checkpoints/tiny", "--overwrite", *wrong).code != 0
    assert {path: path.read_bytes() for path in (place / "checkpoints" / "tiny").iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.usefixtures("unpictured")
def test_the_first_signal_saves_and_resume_goes_on(
    number: signal.Signals, code: int, run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = training_view.RunView.show

    def interrupting(view: training_view.RunView, record: TrainingRecord) -> None:
        show(view, record)
        if isinstance(record, StepRecord) and record.step == 10:
            signal.raise_signal(number)

    whole = run(*TRAIN, "--epochs", 9, "--out", "whole")
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(training_view.RunView, "show", interrupting)
        result = run(*TRAIN, "--epochs", 9, "--out", "run")
    assert (result.code, whole.code) == (code, 0)
    assert signal.getsignal(number) == before
    assert "stopped at step 11, and saved; to go on: poetgen train --resume" in result.err.splitlines()[-1]
    # Its options come from the run, not from the defaults: hidden is 8, the budget nine epochs.
    again = run(*shlex.split(result.err.splitlines()[-1].split("to go on: poetgen ")[1]))
    assert again.code == 0
    assert ", from step 11" in again.err.splitlines()[0]
    assert read_log(Path("run/log.jsonl"))[-1].step == read_log(Path("whole/log.jsonl"))[-1].step
    assert Checkpoint.load(Path("run")).id == Checkpoint.load(Path("whole")).id


@pytest.mark.usefixtures("unpictured")
def test_options_given_anew_count_when_resuming(run: Run, place: Path) -> None:
    assert run(*TRAIN, "--epochs", 1, "--out", "run").code == 0
    assert run("train", "--resume", "--out", "run", "--epochs", 6).code == 0
    config = Checkpoint.load(Path("run")).config
    assert (config["train"]["epochs"], config["train"]["hidden"]) == (6, 8)


def test_a_run_whose_state_is_foreign(run: Run, place: Path) -> None:
    state = place / "checkpoints" / "tiny" / "train.state"
    shutil.copy(place / "checkpoints" / "tiny" / "model.safetensors", state)
    result = run("train", "--resume", "--out", "checkpoints/tiny")
    assert result.code == 1
    assert "checkpoints/tiny/train.state: not the state of a run" in result.error


def test_a_run_outlives_its_picture(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise SaveError("run.png: cannot be written")

    monkeypatch.setattr(training, "draw_run", full)
    result = run(*TRAIN, "--epochs", 0.5)
    assert result.code == 0
    assert "poetgen: run.png: cannot be written\n" in result.err


@pytest.mark.usefixtures("unpictured")
def test_the_second_signal_quits_at_once(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(view: training_view.RunView, record: TrainingRecord) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training_view.RunView, "show", impatient)
    result = run(*TRAIN, "--out", "run")
    assert result.code == 130
    assert "Traceback" not in result.err


@pytest.mark.usefixtures("unpictured")
def test_too_large_a_model_is_an_error_of_one_line(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("poetgen.network.model.PoetModel.__init__", full)
    result = run(*TRAIN, "--out", "run")
    assert result.code == 1
    assert result.error == "not enough memory: give --accumulate 2 or more, or a smaller --hidden or --layers"


# sample ----------------------------------------------------------------------------------------------------------


def test_a_piped_poem_is_plain_text(run: Run, place: Path) -> None:
    result = run("sample", "春夜", "--seed", 1)
    assert (result.code, result.err) == (0, f"by tiny ({Checkpoint.load(Path('checkpoints/tiny')).id})\n")
    title, *lines = result.out.splitlines()
    assert title == "春夜"
    assert len("".join(lines)) == 64
    assert result == run("sample", "春夜", "--seed", 1)
    assert result.out == run("sample", "春夜", "--seed", 1, "--stream").out


@pytest.mark.slow
def test_a_drawn_seed_is_told(run: Run, place: Path) -> None:
    first = run("sample", "春夜")
    seed = first.err.rpartition("seed ")[2].strip()
    assert run("sample", "春夜", "--seed", seed).out == first.out
    drawn = run("sample", "春夜", "--json")
    assert drawn.err == ""
    assert run("sample", "春夜", "--json", "--seed", records(drawn.out)[0]["seed"]).out == drawn.out


def test_poems_stand_apart(run: Run, place: Path) -> None:
    result = run("sample", "春", "秋", "--seed", 1, "--form", "五绝", "--author", "李白")
    first, second = result.out.split("\n\n")
    assert first.splitlines()[:2] == ["春", "拟李白"]
    assert second.splitlines()[:2] == ["秋", "拟李白"]
    assert len("".join(second.splitlines()[2:])) == 24


def test_a_terminal_shows_one_poem_as_it_is_written(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = run("sample", "春夜", "--seed", 1).out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    pieces: list[str] = []
    monkeypatch.setattr(sys.stdout, "write", pieces.append)
    for args in ([], ["--no-stream"]):
        pieces.clear()
        assert run("sample", "春夜", "--seed", 1, *args).code == 0
        shown = "".join(pieces).splitlines()
        assert [line.strip() for line in shown if line.strip()] == plain.splitlines()
        assert all(line.startswith("  ") for line in shown if line)
        assert (len(pieces) >= 64) == (args == [])


def test_what_was_changed_about_a_title_is_said_on_stderr(run: Run, place: Path) -> None:
    result = run("sample", "春龘🌸", "--seed", 1)
    assert result.code == 0
    assert result.out.startswith("春龘\n")
    assert result.err.splitlines() == [
        "title: left out 🌸, which the model has never seen",
        "title: 龘 is not in the model's vocabulary and is read as [UNK]",
        f"by tiny ({Checkpoint.load(Path('checkpoints/tiny')).id})",
    ]


def test_an_empty_title_gives_a_poem_without_one(run: Run, place: Path) -> None:
    result = run("sample", "", "--seed", 1)
    assert result.code == 0
    assert len(result.out.replace("\n", "")) == 64


@pytest.mark.slow
def test_batches_of_titles(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\r\n\n秋\n", encoding="utf-8-sig")
    result = run("sample", "--input", "titles.txt", "--output", "out/poems.jsonl", "--num", 2, "--seed", 1)
    assert (result.code, result.out, result.err) == (0, "", "")
    written = records(Path("out/poems.jsonl").read_text(encoding="utf-8"))
    assert [(r["title"], r["number"]) for r in written] == [("春", 0), ("春", 1), ("秋", 0), ("秋", 1)]
    assert [r.pop("line") for r in written] == [1, 1, 3, 3]
    assert written[2] == records(run("sample", "秋", "--seed", 1, "--json").out)[0], "a poem is the same alone"
    run("sample", "--input", "titles.txt", "--output", "poems.txt", "--seed", 1)
    assert Path("poems.txt").read_text(encoding="utf-8") == run("sample", "春", "秋", "--seed", 1).out


def test_a_batch_that_is_cut_short_keeps_its_poems(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("sample", "春", "--num", 3, "--seed", 1, "--json").out
    samples = Writer.samples

    def cut(writer: Writer, jobs: list[Job]) -> Iterator[Sample]:
        yield from itertools.islice(samples(writer, jobs), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Writer, "samples", cut)
    result = run("sample", "春", "--num", 3, "--seed", 1, "--output", "poems.jsonl")
    assert (result.code, result.out, result.err) == (130, "", "")
    assert Path("poems.jsonl").read_text(encoding="utf-8").splitlines() == whole.splitlines()[:2]


@pytest.mark.slow
def test_many_notes_are_counted(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("🌸\n" * 15, encoding="utf-8")
    notes = run("sample", "--input", "titles.txt", "--seed", 1).err.splitlines()
    assert notes[0] == "titles.txt:1: title: left out 🌸, which the model has never seen"
    # A slow machine shows progress before the last.
    assert notes[-2] == "and 5 more notes like these" and sum(note.startswith("titles.txt:") for note in notes) == 10


# evaluate --------------------------------------------------------------------------------------------------------


EVALUATE = ("evaluate", "--num", 6, "--candidates", 1)


@pytest.mark.slow
def test_evaluate_prints_figures(run: Run, place: Path) -> None:
    result = run(*EVALUATE, "--data", "corpora/prepared", "--forms", "五绝")
    assert result.code == 0
    told = {line.partition(": not measured")[0] for line in result.err.splitlines() if "not measured" in line}
    few = {f"{figure} of 五绝, tiny" for figure in ("relevance", "relevance, of another", "coherence", "critic")}
    assert told >= few
    tables = [table.splitlines() for table in result.out.split("\n\n")]
    cells = {table[0].split()[0]: {row.split("  ")[0]: row for row in table} for table in tables}
    as_json = json.loads(run(*EVALUATE, "--data", "corpora/prepared", "--forms", "五绝", "--json").out)
    assert set(cells) >= {"human", "五绝"}
    assert f"poems of {Path('corpora/prepared')}, its validation split" in tables[0][0]
    for figure, scope, digits in (("ppl_char", "human", 1), ("bpc", "human", 3)):
        for column, found in as_json[figure][scope].items():
            assert f"{found['value']:.{digits}f} ({found['low']:.{digits}f}–" in cells[scope][figure], column
    assert as_json["columns"]["tiny"].endswith(f"({Checkpoint.load(Path('checkpoints/tiny')).id})")
    # Every figure is explained below.
    assert {row.split("  ")[0] for row in tables[-1]} >= set(cells["五绝"]) - {"五绝", "poems"}


def test_evaluate_writes_as_it_is_told(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[EvaluateConfig] = []
    monkeypatch.setattr("poetgen.judging.report.Report.tables", lambda report: seen.append(report.config) or iter(()))
    args = ["--num", 3, "--top-k", 7, "--temperature", 0.5, "--candidates", 2, "--seed", 9, "--forms", "五绝"]
    assert run("evaluate", *args, "--no-critic").code == 0
    assert seen == [EvaluateConfig(3, ("五绝",), 7, 0.5, 2, critic=False, seed=9)]


@pytest.mark.slow
def test_evaluate_without_scikit_learn(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poetgen.judging.judges.find_spec", lambda name: None)
    poems = [make_poem(number) for number in range(0, 200, 4)]
    for name, some in (("theirs", poems[:25]), ("human", poems[25:])):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(poem) + "\n" for poem in some))
    result = run("evaluate", "--poems", "theirs.jsonl", "--human", "human.jsonl", "--forms", "五绝")
    assert result.code == 0 and "\ncritic " in result.out and "n-gram judge" not in result.out
    assert result.err.count('the n-gram judge is left out: pip install "poetgen[sklearn]"') == 1


@pytest.mark.slow
def test_evaluate_takes_the_dataset_of_the_checkpoint(run: Run, place: Path) -> None:
    assert set(json.loads(run(*EVALUATE, "--json").out)["columns"]) == {"human", "tiny", "5-gram"}
    run("preprocess", "--out", "corpora/prepared", "--jobs", 1, "--valid-share", 0.5, "--overwrite")
    assert "corpora/prepared is not there, or not what the checkpoint was trained on" in run(*EVALUATE).error
    result = run(*EVALUATE, "--data", "corpora/prepared")
    assert result.code == 0 and "corpora/prepared is not what tiny was trained on" in result.err


@pytest.mark.slow
def test_evaluate_sets_checkpoints_side_by_side(run: Run, place: Path) -> None:
    shutil.copytree("checkpoints/tiny", "other/tiny")
    both = ("--checkpoint", "checkpoints/tiny", "--checkpoint", "other/tiny")
    found = json.loads(run(*EVALUATE, *both, "--data", "corpora/prepared", "--json").out)
    assert set(found["ppl_char"]["human"]) == {"checkpoints/tiny", "other/tiny", "5-gram"}
    first, second = (found["meter"]["七绝"][name] for name in ("checkpoints/tiny", "other/tiny"))
    assert first == second


@pytest.mark.slow
def test_evaluate_refuses_checkpoints_of_two_scripts(run: Run, place: Path) -> None:
    """Each would find the characters of the other unknown."""
    run("preprocess", "--out", "data", "--jobs", 1, "--script", "traditional")
    run(*TRAIN, "--data", "data", "--epochs", 1, "--out", "checkpoints/other")
    result = run("evaluate", "--checkpoint", "checkpoints/tiny", "--checkpoint", "checkpoints/other")
    assert result.code == 2
    assert "--checkpoint: of different scripts (tiny simplified, other traditional)" in result.error


@pytest.mark.slow
def test_evaluate_judges_the_poems_of_a_file(run: Run, place: Path) -> None:
    with open("corpora/starter.jsonl", "a") as file:
        file.write('{"content": "春□秋冬风，花雪月山水。"}\n')
    result = run("evaluate", "--poems", "corpora/starter.jsonl", "--json", "--no-critic")
    assert "left out 1 of 61 poems: 1 lost characters" in result.err
    found = json.loads(result.out)
    assert found["characters"]["file corpora/starter.jsonl"]["tiny"] == {
        "value": 15 * (20 + 28 + 40 + 56), "low": None, "high": None, "poems": 60
    }  # fmt: skip
    assert found["meter"]["七律"]["file corpora/starter.jsonl"]["poems"] == 15
    assert "tiny" not in found["meter"]["七律"], "a checkpoint writes nothing unless it is asked to"
    # Beside human poems of a file of their own, which the n-gram model has not seen either.
    asked = ("--human", "corpora/starter.jsonl", "--no-critic", "--json")
    found = json.loads(run(*EVALUATE, *asked, "--checkpoint", "checkpoints/tiny").out)
    assert found["meter"]["七律"]["human"]["poems"] == 6 == found["meter"]["七律"]["tiny"]["poems"]
    assert set(found["form"]["七律"]) == {"tiny"}, "people's were chosen by their form"


def test_evaluate_says_that_nothing_is_held_out(run: Run, place: Path) -> None:
    run("preprocess", "--out", "data", "--jobs", 1, "--valid-share", 0)
    assert "data: its validation split is empty" in run("evaluate", "--data", "data").error


@pytest.mark.slow
@pytest.mark.usefixtures("unpictured")
def test_plain_text_has_perplexity_and_bits(run: Run, place: Path) -> None:
    """A checkpoint of English: no ppl_char, no forms, and all that is left out is told."""
    Path("text").mkdir()
    for number in range(40):
        lines = "".join(
            f"line {100 * number + line} of a text that says little, and says it again\n" for line in range(9)
        )
        Path(f"text/{number}.txt").write_text(lines)
    assert run("preprocess", "text", "--out", "data", "--jobs", 1, "--valid-share", 0.2).code == 0
    assert run(*TRAIN, "--data", "data", "--epochs", 1, "--sampling", "random", "--out", "english").code == 0
    result = run("evaluate", "--checkpoint", "english", "--data", "data", "--json")
    assert result.code == 0 and result.err == "no poems in the forms 五绝, 七绝, 五律, 七律\n"
    found = json.loads(result.out)
    assert found["ppl_char"]["human"]["english"]["value"] is None
    assert found["bpc"]["human"]["english"]["value"] > found["bpc"]["human"]["5-gram"]["value"] > 0
    ablate = ("inspect", "ablate", "--data", "data", "--seq-len", 16, "--hidden", "4,8", "--minutes", 0.005)
    result = run(*ablate, "--batch-tokens", 64)
    assert result.code == 0 and "diverged" not in result.out and result.out.count("best") == 1


@pytest.mark.slow
def test_evaluate_holds_all_poems_of_a_file_against_one_form(run: Run, place: Path) -> None:
    """Else those whose lines are wrong would count for no form at all, and every form would be perfect."""
    poems = [
        {"content": "春夏秋冬风，花雪月山水。云雨江河湖，海天地日夜。"},
        {"content": "春夏秋冬风，花雪月山。云雨江河湖，海天地日夜。"},
    ]
    Path("theirs.jsonl").write_text("".join(json.dumps(poem) + "\n" for poem in poems))
    found = json.loads(run("evaluate", "--poems", "theirs.jsonl", "--as", "五绝", "--json").out)
    assert found["form"]["五绝"]["file theirs.jsonl"]["value"] == 0.5
    result = run("evaluate", "--poems", "theirs.jsonl", "--forms", "五绝,七绝", "--json")
    assert "file theirs.jsonl: 1 of 2 poems do not have the lines of 五绝 or 七绝" in result.err
    assert "form" not in json.loads(result.out) and "--as 五绝: it goes with" in run("evaluate", "--as", "五绝").error


@pytest.mark.slow
def test_evaluate_reads_the_poems_that_score_reads(run: Run, place: Path) -> None:
    """From plain text too: a title is no verse, a line feed no character, and the lines have a form."""
    body = "春夏秋冬风，花雪月山水。\n云雨江河湖，海天地日夜。\n"
    Path("two.txt").write_text(f"春夜\n李白\n\n{body}\n秋\n\n{body}\nhello world\n", encoding="utf-8")
    scored = [json.loads(line) for line in run("score", "two.txt", "--json").out.splitlines()]
    result = run("evaluate", "--poems", "two.txt", "--json", "--no-critic")
    found = json.loads(result.out)
    scope = "file two.txt"
    assert found["characters"][scope]["tiny"]["value"] == 40 and found["unknown"][scope]["tiny"]["value"] == 0
    assert found["meter"]["五绝"][scope]["poems"] == 2
    marks = ("，", "。", "\n", "[END]")
    nats = [char["nats"] for poem in scored for char in poem["characters"] if char["char"] not in marks]
    assert found["ppl_char"][scope]["tiny"]["value"] == pytest.approx(math.exp(sum(nats) / len(nats)), rel=1e-3)


def test_evaluate_has_columns_of_their_own(run: Run, place: Path) -> None:
    shutil.copytree("checkpoints/tiny", "other/human")
    result = run(*EVALUATE, "--checkpoint", "other/human", "--data", "corpora/prepared", "--forms", "七绝", "--json")
    assert set(json.loads(result.out)["meter"]["七绝"]) == {"human", "human/"}


def test_a_form_that_the_corpus_had_not_is_said(run: Run, place: Path) -> None:
    result = run("sample", "春", "--form", "如梦令", "--seed", 1, "--tones", "off", "--rhyme", "off")
    assert "form: the model has learned from no 词; it keeps the rules" in result.err
    assert "learned from no" not in run("sample", "春", "--form", "七绝", "--seed", 1).err


# Checkpoints by name --------------------------------------------------------------------------------------------


def test_checkpoints_are_listed_and_called_by_name(run: Run, place: Path) -> None:
    listed = run("models", "list")
    assert listed == run("models") and [line.split()[0] for line in listed.out.splitlines()] == ["name", "tiny", "box"]
    assert listed.err == "sample takes tiny, unless --checkpoint says another\n"
    found = {record["name"]: record for record in records(run("models", "list", "--json").out)}
    assert found["tiny"]["id"] == Checkpoint.load(Path("checkpoints/tiny")).id
    assert f"id          {found['tiny']['id']}\n" in run("models", "show", "tiny").out
    by_name = run("sample", "春", "--seed", 1, "--checkpoint", "tiny")
    assert by_name.code == 0 and by_name == run("sample", "春", "--seed", 1, "--checkpoint", "checkpoints/tiny")
    assert (
        "no such checkpoint folder, nor the name of one; did you mean tiny?"
        in run("score", "春", "--checkpoint", "tinny").error
    )
    assert poetgen.load("tiny").checkpoint.id == found["tiny"]["id"]


def test_a_poor_checkpoint_is_passed_over_aloud(run: Run, place: Path) -> None:
    shutil.copytree("checkpoints/tiny", "checkpoints/poor")
    config = json.loads(Path("checkpoints/poor/config.json").read_text())
    config["figures"]["ppl_char"] = 9999.0
    Path("checkpoints/poor/config.json").write_text(json.dumps(config))
    os.utime("checkpoints/poor/model.safetensors", (2e9, 2e9))
    result = run("sample", "春", "--seed", 1)
    assert "checkpoints/poor is newer, but far behind: ppl_char 9,999.0" in result.err
    assert result.err.splitlines()[-1].startswith("by tiny (")
    assert run("sample", "春", "--seed", 1, "--checkpoint", "poor").err.startswith("by poor (")


def test_a_checkpoint_is_packed_and_unpacked(run: Run, place: Path) -> None:
    assert "is packed in tiny.zip" in run("models", "export", "tiny", "tiny.zip").err
    assert "tiny.zip is there already" in run("models", "export", "tiny", "tiny.zip").error
    assert "checkpoints/tiny holds a checkpoint already" in run("models", "import", "tiny.zip").error
    assert "checkpoints/other holds it" in run("models", "import", "tiny.zip", "--name", "other").err
    poems = [run("sample", "春", "--seed", 1, "--json", "--checkpoint", name).out for name in ("tiny", "other")]
    assert poems[0] == poems[1] != ""
    assert run("models", "import", "tiny.zip", "--name", "other", "--overwrite").code == 0
    for name in ("box", "../up", ".hidden"):
        assert "give a plain name" in run("models", "import", "tiny.zip", "--name", name).error
    assert "there is no such file" in run("models", "import", "nowhere.zip").error
    Path("poems.zip").write_bytes(b"no archive")
    assert "poems.zip" in run("models", "import", "poems.zip").error and not Path("checkpoints/poems").exists()


@pytest.mark.usefixtures("unpictured")
def test_a_run_takes_the_shape_of_what_it_starts_from(run: Run, place: Path) -> None:
    result = run("train", "--init", "tiny", "--epochs", 0.3, "--precision", "fp32", "--device", "cpu")
    assert result.code == 0, result.err
    started = Checkpoint.load(Path("checkpoints/poet"))
    assert started.model.config.hidden == Checkpoint.load(Path("checkpoints/tiny")).model.config.hidden
    assert "poetgen sample 春夜喜雨 --checkpoint poet" in result.err
    other = run("train", "--init", "tiny", "--hidden", 24, "--out", "other")
    assert "--init tiny: its network has --hidden 16, not 24; give the same" in other.err


# Processes -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_reader_that_has_seen_enough(place: Path) -> None:
    with start("sample", "春", "--num", 40, "--json", "--seed", 1) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize(("closed", "shown"), [(">&-", False), ("2>&-", True), (">&- 2>&-", False)])
def test_streams_that_are_closed(closed: str, shown: bool, place: Path) -> None:
    command = shlex.join([sys.executable, "-m", "poetgen", "inspect", "neighbours", "春"])
    done = subprocess.run(f"{command} {closed}", shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr, bool(done.stdout)) == (0, "", shown)


@pytest.mark.slow
def test_an_error_that_the_locale_cannot_show(place: Path) -> None:
    command = [sys.executable, "-m", "poetgen", "inspect", "neighbours", b"\xff"]
    done = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "latin-1"}, capture_output=True)
    assert done.returncode == 2 and done.stderr.startswith(b"poetgen: ") and done.stderr.count(b"\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk(place: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "poetgen", "sample", "春", "--seed", "1"], stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert done.stderr == b"poetgen: No space left on device\n"


@pytest.mark.slow
def test_standard_input_and_a_locale_without_chinese(place: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = start("sample", "--input", "-", "--seed", 1, "--form", "五绝", env=environment, stdin=subprocess.PIPE)
    out, err = process.communicate("春\n秋\n".encode())
    told = (b"writing: ", b"by ")
    assert process.returncode == 0 and all(line.startswith(told) for line in err.splitlines())
    assert [poem.splitlines()[0] for poem in out.decode("utf-8").split("\n\n")] == ["春", "秋"]


@pytest.mark.slow
def test_ctrl_c_before_there_is_anything_to_save(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object) -> None:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("poetgen.network.skipgram.vectors", interrupted)
        result = run(*TRAIN, "--init-embeddings", "--out", "run")
    assert result.code == 130 and "stopped before the first step: nothing is saved" in result.err
    assert run(*TRAIN, "--init-embeddings", "--epochs", 0.1, "--out", "run").code == 0, "as the message says"


@pytest.mark.slow
@pytest.mark.processes
def test_ctrl_c_in_a_process(place: Path) -> None:
    process = start(*TRAIN, "--epochs", 10_000, "--out", "run")
    assert process.stderr
    lines = [process.stderr.readline()]
    while b"training" not in lines[-1]:
        lines.append(process.stderr.readline())
        assert lines[-1], b"".join(lines)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "stopped at step" in err.decode()
    assert b"Traceback" not in err
    assert (place / "run" / "train.state").exists()
