"""Many poems at once: nothing is lost, repeated or out of order, whatever breaks a run off."""

from __future__ import annotations

import fcntl
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from poetgen import cli
from poetgen.config import SampleConfig
from poetgen.errors import SaveError, UsageError
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.distributed import World
from poetgen.writing.batch import TitleBatch, request_key
from poetgen.writing.heartbeat import Heartbeat
from poetgen.writing.output import Extent, Output, merged
from poetgen.writing.request import Request
from poetgen.writing.sample import Job, Sample
from poetgen.writing.titles import TitleLine, Titles

from helpers import free_port

POETGEN = [sys.executable, "-m", "poetgen"]
TORCHRUN = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node",
    "2",
    "-m",
    "--",
    "poetgen",
]
#: What is long is not the poems.
SHORT = ("--length", "12")
#: Longer than anything takes, so that what hangs is seen as such.
PATIENCE = 300

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """`poetgen sample` in this process: its exit code, stdout and stderr."""

    def run(*args: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit:
            cli.main(["sample", *SHORT, *map(str, args)])
        out, err = capsys.readouterr()
        return int(exit.value.code or 0), out, said(err)

    return run


@pytest.fixture
def place(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a tiny checkpoint."""
    shutil.copytree(tiny, tmp_path / "checkpoints" / "tiny")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(err: str) -> str:
    """What stands on stderr besides the progress, which a slow machine shows."""
    return "".join(line for line in err.splitlines(keepends=True) if not line.startswith(("writing: ", "reading ")))


def start(*args: object, command: list[str] = POETGEN, **options: Any) -> subprocess.Popen[str]:
    """`poetgen sample` in a process of its own."""
    words = [*command, "sample", *SHORT, *map(str, args)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def records(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


#: Equal requests, seeds of their own, an empty line and broken ones, over and over.
REQUESTS = [
    '{"title": "春"}',
    '{"title": "秋", "form": "五绝", "seed": 7}',
    '{"title": "春"}',
    "",
    '{"title": "冬", "temperature": -1}',
    '{"title": "月", "about": ["山", "水"], "length": 20}',
    "{oops",
]
MIXED = ("--input", "requests.jsonl", "--num", 2)


def write_requests(times: int) -> int:
    """REQUESTS into requests.jsonl; returns how many poems they ask for with MIXED."""
    Path("requests.jsonl").write_text("\n".join(REQUESTS * times), encoding="utf-8")
    return times * 4 * 2


def kill_at(process: subprocess.Popen[str], path: Path, poems: int, number: int = signal.SIGKILL) -> None:
    """Send a signal as soon as `path` holds so many poems."""
    until = time.monotonic() + PATIENCE
    while not path.exists() or path.read_bytes().count(b"\n") < poems:
        assert process.poll() is None and time.monotonic() < until, "the run ended, or did not begin"
        time.sleep(0.005)
    process.send_signal(number)


# Going on --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.processes
def test_killed_and_resumed_is_byte_for_byte_unbroken(run: Run, place: Path) -> None:
    count = write_requests(20)
    code, _, whole_err = run(*MIXED, "--seed", 3, "--output", "whole.jsonl")
    assert code == 1
    whole = Path("whole.jsonl").read_bytes()
    assert whole.count(b"\n") == count
    process = start(*MIXED, "--seed", 3, "--output", "killed.jsonl")
    kill_at(process, Path("killed.jsonl"), count // 4)
    process.communicate()
    left = Path("killed.jsonl").read_bytes()
    assert process.returncode == -signal.SIGKILL and whole.startswith(left) and left != whole
    # A process that dies in the middle of a write leaves half a record.
    left = left[:-20]
    Path("killed.jsonl").write_bytes(left)
    code, out, err = run(*MIXED, "--resume", "--output", "killed.jsonl")
    assert Path("killed.jsonl").read_bytes() == whole
    there = left.count(b"\n")
    assert (code, out) == (1, "") and f"going on after {there:,} poems" in err
    assert err.splitlines()[-1] == whole_err.splitlines()[-1], "lines are left out of the whole, not of the rest"


@pytest.mark.slow
def test_every_point_of_a_break(run: Run, place: Path) -> None:
    write_requests(1)
    run(*MIXED, "--seed", 3, "--output", "whole.jsonl")
    whole = Path("whole.jsonl").read_bytes()
    ends = [at for at, byte in enumerate(whole, 1) if byte == 10]
    # Nothing, the last byte of a record, its end and the first byte of the next.
    breaks = [
        0,
        1,
        *(end + more for end in (ends[0], ends[4], ends[-1]) for more in (-1, 0, 1) if end + more <= ends[-1]),
    ]
    for end in breaks:
        Path("poems.jsonl").write_bytes(whole[:end])
        # Before there is a poem without a seed of its own, nothing tells the seed of the run.
        run(*MIXED, "--resume", "--output", "poems.jsonl", *(["--seed", 3] if b"\n" not in whole[:end] else []))
        assert Path("poems.jsonl").read_bytes() == whole, end


@pytest.mark.slow
def test_the_seed_of_a_broken_run_is_told_by_its_first_poem_not_by_its_first_line(run: Run, place: Path) -> None:
    """A line that is left out, and one with a seed of its own, may come before it."""
    lines = [
        '{"title": "冬", "temperature": -1}',
        "{oops",
        '{"title": "秋", "form": "五绝", "seed": 7}',
        '{"title": "冬", "form": "无此体"}',
        '{"title": "春"}',
        '{"title": 5}',
        '{"title": "春"}',
    ]
    Path("requests.jsonl").write_text("\n".join(lines), encoding="utf-8")
    words = ("--input", "requests.jsonl", "--num", 2, "--output", "poems.jsonl")
    run(*words)
    whole = Path("poems.jsonl").read_bytes()
    own, *rest = [at for at, byte in enumerate(whole, 1) if byte == 10][1:]
    for end in rest:  # from the first poem on whose seed is that of the run
        for more in (0, 40):
            Path("poems.jsonl").write_bytes(whole[: end + more])
            run(*words, "--resume")
            assert Path("poems.jsonl").read_bytes() == whole
    Path("poems.jsonl").write_bytes(whole[:own])
    run(*words, "--resume")
    assert [record["seed"] for record in records("poems.jsonl")][:2] == [7, 7]
    assert len({record["seed"] for record in records("poems.jsonl")[2:]}) == 1


def test_a_run_that_has_not_begun_is_begun(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n秋\n", encoding="utf-8")
    assert run("--input", "titles.txt", "--output", "new/poems.jsonl", "--resume")[0] == 0
    first = Path("new/poems.jsonl").read_bytes()
    assert first.count(b"\n") == 2
    code, out, err = run("--input", "titles.txt", "--output", "new/poems.jsonl", "--resume")
    assert (code, out, err) == (0, "", "") and Path("new/poems.jsonl").read_bytes() == first


def test_more_titles_are_a_longer_run(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n秋\n", encoding="utf-8")
    run("--input", "titles.txt", "--output", "poems.jsonl", "--seed", 1)
    Path("titles.txt").write_text("春\n秋\n冬\n", encoding="utf-8")
    run("--input", "titles.txt", "--output", "poems.jsonl", "--resume")
    assert [(r["line"], r["title"], r["seed"]) for r in records("poems.jsonl")] == [
        (1, "春", 1),
        (2, "秋", 1),
        (3, "冬", 1),
    ]


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_whole_records_and_says_how_to_go_on(number: int, code: int, run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n" * 3000, encoding="utf-8")
    process = start("--input", "titles.txt", "--output", "poems.jsonl", "--seed", 1)
    kill_at(process, Path("poems.jsonl"), 40, number)
    out, err = process.communicate(timeout=PATIENCE)
    found = records("poems.jsonl")
    assert (process.returncode, out) == (code, "") and 40 <= len(found) < 3000
    assert said(err) == (
        f"stopped after {len(found):,} poems; the same command with --resume goes on with poems.jsonl\n"
    )
    assert [record["line"] for record in found] == [record["number"] + 1 for record in found]
    Path("titles.txt").write_text("春\n" * (len(found) + 5), encoding="utf-8")
    run("--input", "titles.txt", "--output", "poems.jsonl", "--resume")
    assert [record["number"] for record in records("poems.jsonl")] == list(range(len(found) + 5))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_poem_that_was_being_written_counts(
    number: int, code: int, run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("titles.txt").write_text("春\n" * 5, encoding="utf-8")
    add = Output.add

    def add_and_stop(self: Output, text: str) -> None:
        add(self, text)
        if len(records("poems.jsonl")) == 3:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Output, "add", add_and_stop)
    found, out, err = run("--input", "titles.txt", "--output", "poems.jsonl")
    assert (found, out, len(records("poems.jsonl"))) == (code, "", 3)
    assert err == "stopped after 3 poems; the same command with --resume goes on with poems.jsonl\n"


@pytest.mark.slow
@pytest.mark.processes
def test_standard_input_can_be_gone_on_with(place: Path) -> None:
    titles = "春\n秋\n春\n"
    words = ("--input", "-", "--output", "poems.jsonl")
    out, err = start(*words, stdin=subprocess.PIPE).communicate(titles)
    assert (out, said(err)) == ("", "")
    whole = Path("poems.jsonl").read_bytes()
    assert len({record["seed"] for record in records("poems.jsonl")}) == 1
    Path("poems.jsonl").write_bytes(whole[: len(whole) // 2])
    _, err = start(*words, "--resume", stdin=subprocess.PIPE).communicate(titles)
    assert Path("poems.jsonl").read_bytes() == whole, err


# Refusals --------------------------------------------------------------------------------------------------------


def test_poems_are_not_written_over(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n", encoding="utf-8")
    for name in ("poems.jsonl", "poems.txt"):
        Path(name).write_text("of yesterday\n")
        code, out, err = run("--input", "titles.txt", "--output", name)
        assert (code, out) == (2, "") and f"--output {name}: there are poems in it already" in err
        assert ("--resume" in err) == (name == "poems.jsonl") and "--overwrite" in err
        assert Path(name).read_text() == "of yesterday\n"
        assert run("--input", "titles.txt", "--output", name, "--overwrite")[0] == 0
        assert "yesterday" not in Path(name).read_text(encoding="utf-8")
    Path("poems.jsonl").write_text("")
    assert run("--input", "titles.txt", "--output", "poems.jsonl")[0] == 0, "an empty file holds no poems"


def test_parts_of_a_run_are_not_passed_over(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n", encoding="utf-8")
    part = Path("poems.jsonl.1-of-2")
    part.write_text("{}\n")
    code, _, err = run("--input", "titles.txt", "--output", "poems.jsonl")
    assert code == 2 and "there are poems in poems.jsonl.1-of-2 already" in err
    assert run("--input", "titles.txt", "--output", "poems.jsonl", "--overwrite")[0] == 0
    assert not part.exists() and len(records("poems.jsonl")) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--seed", 4], "poems.jsonl:1 is of another run: its seed is 3, and 4 is asked for by titles.txt:1"),
        (["--temperature", 0.5], "its temperature is 0.8, and 0.5 is asked for"),
        (["--form", "free"], "its form is "),
        (["--author", "李白"], 'its author is none, and "李白" is asked for'),
        (["--num", 3], "poems.jsonl:3 is of another run: titles.txt:1 asks for more"),
        (["--num", 1], "poems.jsonl:2 is of another run: nothing asks for it in titles.txt"),
        (["--input", "others.txt"], 'its title is "秋", and "冬" is asked for by others.txt:2'),
        (["--input", "fewer.txt"], "poems.jsonl:3 is of another run: nothing asks for it in fewer.txt"),
        ([], 'its checkpoint is "0123", and '),
    ],
    ids=lambda value: "".join(map(str, value)) if isinstance(value, list) else "",
)
def test_another_run_is_not_gone_on_with(change: list[object], message: str, run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n秋\n", encoding="utf-8")
    Path("others.txt").write_text("春\n冬\n", encoding="utf-8")
    Path("fewer.txt").write_text("春\n", encoding="utf-8")
    words = ["--input", "titles.txt", "--num", 2, "--output", "poems.jsonl"]
    assert run(*words, "--seed", 3)[0] == 0
    before = Path("poems.jsonl").read_bytes()
    if not change:
        before = before.replace(Checkpoint.load(place / "checkpoints" / "tiny").id.encode(), b"0123")
        Path("poems.jsonl").write_bytes(before)
    code, out, err = run(*words, "--resume", *change)
    assert (code, out) == (2, "") and err.count("\n") == 1 and message in err
    assert Path("poems.jsonl").read_bytes() == before


@pytest.mark.parametrize("line", ['{"title": "春"}', "春", '{"line": "1", "number": "x", "seed": 1}', "[1]", "\0\0"])
def test_what_no_batch_has_written_is_not_gone_on_with(line: str, run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n", encoding="utf-8")
    Path("poems.jsonl").write_text(line + "\n", encoding="utf-8")
    code, _, err = run("--input", "titles.txt", "--output", "poems.jsonl", "--resume")
    assert code == 1 and "poems.jsonl, last line: no record of poetgen sample --input" in err
    assert Path("poems.jsonl").read_text(encoding="utf-8") == line + "\n"


def test_the_titles_are_not_written_over(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n秋\n", encoding="utf-8")
    Path("link.txt").symlink_to("titles.txt")
    for name in ("titles.txt", "link.txt"):
        code, _, err = run("--input", "titles.txt", "--output", name, "--overwrite")
        assert code == 2 and f"--output {name}: is the file of titles" in err
    assert Path("titles.txt").read_text(encoding="utf-8") == "春\n秋\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["春", "--output", "poems.jsonl", "--resume"], "--resume goes on with a file of titles into JSON Lines"),
        (["--input", "titles.txt", "--resume"], "--resume goes on with a file of titles into JSON Lines"),
        (["--input", "titles.txt", "--output", "poems.txt", "--resume"], "--resume goes on with a file of titles"),
        (["--input", "titles.txt", "--output", "a.jsonl", "--resume", "--overwrite"], "give one of them"),
    ],
)
def test_what_cannot_be_resumed(words: list[str], message: str, run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n", encoding="utf-8")
    code, _, err = run(*words)
    assert code == 2 and message in err


def test_two_runs_do_not_write_one_file(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n", encoding="utf-8")
    with open("poems.jsonl", "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, err = run("--input", "titles.txt", "--output", "poems.jsonl", "--resume")
    assert code == 1 and "--output poems.jsonl: another run is writing it" in err


@pytest.mark.slow
def test_overwriting_what_another_run_writes_is_refused_and_harms_nothing(place: Path) -> None:
    Path("titles.txt").write_text("春\n" * 2000, encoding="utf-8")
    words = ("--input", "titles.txt", "--output", "poems.jsonl", "--seed", 1)
    first = start(*words)
    kill_at(first, Path("poems.jsonl"), 30, signal.SIGSTOP)  # it lives, and writes nothing for a while
    before = Path("poems.jsonl").read_bytes()
    for flag in ("--overwrite", "--resume"):
        second = start(*words, flag)
        _, err = second.communicate(timeout=PATIENCE)
        assert second.returncode == 1 and "--output poems.jsonl: another run is writing it" in err
        assert Path("poems.jsonl").read_bytes() == before
    first.send_signal(signal.SIGCONT)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=PATIENCE)
    after = Path("poems.jsonl").read_bytes()
    assert after.startswith(before) and [r["number"] for r in records("poems.jsonl")] == list(range(after.count(b"\n")))


def test_parts_of_a_living_run_are_neither_removed_nor_merged(run: Run, place: Path) -> None:
    """A rank may live on for a while whose first rank has ended, and with it the lock of the run."""
    Path("titles.txt").write_text("春\n", encoding="utf-8")
    part = Path("poems.jsonl.1-of-2")
    part.write_text('{"line": 1, "number": 0, "seed": 1}\n')
    with part.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for flag in ("--overwrite", "--resume"):
            code, _, err = run("--input", "titles.txt", "--output", "poems.jsonl", flag)
            assert code == 1 and "--output poems.jsonl.1-of-2: another run is writing it" in err
    assert part.stat().st_size and not Path("poems.jsonl").exists()


def test_a_run_that_ends_while_another_begins_keeps_its_poems(tmp_path: Path) -> None:
    """Between the first look at a file and its lock, another run may have come, written and gone."""
    path = tmp_path / "poems.jsonl"
    late = Output(path)
    late.check()
    path.write_text('{"line": 1, "number": 0, "seed": 1}\n')
    with pytest.raises(UsageError, match="there are poems in it already"):
        late.prepare()
    assert len(records(path)) == 1
    resuming = Output(path, resume=True)
    resuming.prepare()
    with pytest.raises(SaveError, match="another run is writing it"):
        Output(path, overwrite=True).prepare()
    assert len(records(path)) == 1
    resuming.close()
    anew = Output(path, overwrite=True)
    anew.open(World(), anew.prepare())
    assert len(records(path)) == 1, "until there is a poem to take their place"
    anew.add("new\n")
    assert path.read_bytes() == b"new\n"
    anew.close()


def test_what_is_merged_stays_locked_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "poems.jsonl"
    (tmp_path / "poems.jsonl.0-of-2").write_text('{"line": 1, "number": 0, "seed": 1}\n')
    output = Output(path, resume=True)
    output.open(World(), output.prepare())
    output.merge(lambda: None)
    assert len(records(path)) == 1
    with pytest.raises(SaveError, match="another run is writing it"):
        Output(path, overwrite=True).prepare()
    output.close()
    assert len(records(path)) == 1 and list(tmp_path.iterdir()) == [path]


# Broken lines ----------------------------------------------------------------------------------------------------


def test_broken_lines_do_not_stop_the_rest(run: Run, place: Path) -> None:
    lines = [
        '{"title": "春"}',
        *["{oops"] * 11,
        '{"form": "十四行诗"}',
        json.dumps({"title": "春" * 101}),
        '{"title": "秋"}',
    ]
    Path("requests.jsonl").write_text("\n\n".join(lines), encoding="utf-8")
    code, out, err = run("--input", "requests.jsonl", "--json", "--seed", 1)
    assert code == 1
    found = [json.loads(line) for line in out.splitlines()]
    assert [(r["line"], r["title"]) for r in found] == [(1, "春"), (29, "秋")]
    *shown, last = err.splitlines()
    assert len(shown) == 10 and all(f"requests.jsonl:{3 + 2 * at}: " in line for at, line in enumerate(shown))
    assert last.startswith("poetgen: 13 of 15 lines were left out: requests.jsonl:3, requests.jsonl:5, ")
    assert last.endswith("requests.jsonl:21, …")
    Path("requests.jsonl").write_text("\n".join(lines[-3:]), encoding="utf-8")
    _, _, err = run("--input", "requests.jsonl", "--json", "--seed", 1)
    assert "requests.jsonl:1: --form 十四行诗: no such form" in err and "left out\n" in err
    assert "requests.jsonl:2: a title of 101 characters" in err


def test_a_title_of_the_command_line_stops_at_once(run: Run, place: Path) -> None:
    code, out, err = run("春", "春" * 101, "--seed", 1)
    assert (code, out) == (2, "") and err.startswith("poetgen: a title of 101 characters")


def test_fields_that_mean_nothing_are_named_once(run: Run, place: Path) -> None:
    Path("requests.jsonl").write_text('{"title": "春", "id": 1}\n' * 3, encoding="utf-8")
    code, _, err = run("--input", "requests.jsonl", "--json", "--seed", 1)
    assert (code, err) == (0, "requests.jsonl:1: passed over the field id, here and further on\n")


def test_records_ask_for_the_same_poems_again(run: Run, place: Path) -> None:
    write_requests(2)
    _, first, _ = run(*MIXED, "--json", "--seed", 3)
    Path("poems.jsonl").write_text(first, encoding="utf-8")
    code, again, err = run("--input", "poems.jsonl", "--json")
    assert (code, err) == (0, "")
    before, after = ([json.loads(line) for line in text.splitlines()] for text in (first, again))
    assert [record.pop("line") for record in after] == list(range(1, 17))
    for record in before:
        del record["line"]
    assert after == before


def test_the_title_that_was_asked_for_stays(run: Run, place: Path) -> None:
    """Beside the one that was written to, through a resumed run and a record fed back."""
    Path("titles.json").write_text(json.dumps(["Spring", "春 🌸", "春"]), encoding="utf-8")
    run("--input", "titles.json", "--output", "poems.jsonl", "--seed", 3)
    whole = Path("poems.jsonl").read_bytes()
    assert [(r["line"], r["title"], r["asked_title"]) for r in records("poems.jsonl")] == [
        (1, "", "Spring"),
        (2, "春", "春 🌸"),
        (3, "春", "春"),
    ]
    first = whole.splitlines(keepends=True)[0]
    Path("poems.jsonl").write_bytes(first)
    assert run("--input", "titles.json", "--output", "poems.jsonl", "--resume")[0] == 0
    assert Path("poems.jsonl").read_bytes() == whole
    # What a version without the field has left can be gone on with.
    Path("poems.jsonl").write_bytes(first.replace(b'"asked_title": "Spring", ', b""))
    assert run("--input", "titles.json", "--output", "poems.jsonl", "--resume")[0] == 0
    Path("poems.jsonl").write_bytes(first.replace(b"Spring", b"Summer"))
    code, _, err = run("--input", "titles.json", "--output", "poems.jsonl", "--resume")
    assert code == 2 and 'its asked_title is "Summer"' in err
    Path("poems.jsonl").write_bytes(whole)
    run("--input", "poems.jsonl", "--output", "again.jsonl")
    assert Path("again.jsonl").read_bytes() == whole
    # A title that was changed by hand is what is asked for.
    Path("changed.jsonl").write_bytes(whole.replace(b'"title": "", ', '"title": "秋", '.encode()))
    run("--input", "changed.jsonl", "--output", "other.jsonl")
    assert records("other.jsonl")[0]["asked_title"] == "秋"


def test_a_record_fed_back_is_the_poem_of_its_number(run: Run, place: Path) -> None:
    _, out, _ = run("春", "--num", 4, "--seed", 3, "--json")
    poems = [json.loads(line) for line in out.splitlines()]
    again = [poems[2], poems[1], {"title": "春", "seed": 3}]
    Path("again.jsonl").write_text("".join(json.dumps(record) + "\n" for record in again), encoding="utf-8")
    code, out, err = run("--input", "again.jsonl", "--json")
    written = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [record["number"] for record in written] == [2, 1, 3], "without a number the next one"
    assert [record["text"] for record in written] == [poems[number]["text"] for number in (2, 1, 3)]
    Path("again.jsonl").write_text(json.dumps(poems[1]) + "\n", encoding="utf-8")
    words = ("--input", "again.jsonl", "--num", 2, "--output", "poems.jsonl")
    for flags in ((), ("--resume",)):
        assert run(*words, *flags)[0] == 0
        assert [record["text"] for record in records("poems.jsonl")] == [poems[number]["text"] for number in (1, 2)]


@pytest.mark.parametrize("number", ["x", -1, 1.5, True, 2**63])
def test_a_number_that_is_none_of_a_poem_is_passed_over(number: object, run: Run, place: Path) -> None:
    Path("requests.jsonl").write_text(json.dumps({"title": "春", "number": number}) + "\n", encoding="utf-8")
    code, out, err = run("--input", "requests.jsonl", "--json", "--seed", 1)
    assert (code, err) == (0, "requests.jsonl:1: passed over the field number, here and further on\n")
    assert json.loads(out)["number"] == 0


# Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no bound on the size of files here")
def test_a_full_disk_leaves_whole_records(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n" * 50, encoding="utf-8")
    words = ("--input", "titles.txt", "--output", "poems.jsonl")
    limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))  # noqa: E731
    process = start(*words, "--seed", 1, preexec_fn=limit, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and said(err).startswith(
        "poetgen: --output poems.jsonl: cannot be written (File too"
    )
    left = records("poems.jsonl")
    assert 0 < len(left) < 50 and Path("poems.jsonl").stat().st_size <= 9000
    run(*words, "--resume")
    assert [record["number"] for record in records("poems.jsonl")] == list(range(50))


def test_the_whole_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "poems.jsonl"
    for data, whole in (
        (b"", 0),
        (b"{", 0),
        (b"{}\n", 3),
        (b"{}\n{", 3),
        (b'{}\n{"line": 7' + b"x" * 200_000, 3),
        (b"x" * 70_000 + b"\n{", 70_001),
    ):
        path.write_bytes(data)
        assert Extent.of(path) == Extent(path, whole)


def test_what_is_no_record_is_not_taken_for_one_cut_short(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n", encoding="utf-8")
    Path("notes.jsonl").write_text("my notes, without a line feed")
    code, _, err = run("--input", "titles.txt", "--output", "notes.jsonl", "--resume")
    assert code == 1 and "notes.jsonl, last line: no record of poetgen" in err
    assert Path("notes.jsonl").read_text() == "my notes, without a line feed"


def test_parts_are_merged_in_order_each_place_once(tmp_path: Path) -> None:
    draw = random.Random(1)
    places = [(line, number) for line in range(1, 60) for number in range(3)]
    output = Output(tmp_path / "poems.jsonl")
    parts: dict[Path, list[tuple[int, int]]] = {output.path: places[:20]}
    for place in places[15:]:  # some stand in two files
        parts.setdefault(tmp_path / f"poems.jsonl.{draw.randrange(3)}-of-3", []).append(place)
    for path, own in parts.items():
        text = "".join(json.dumps({"line": line, "number": n, "seed": 1}) + "\n" for line, n in own)
        path.write_text(text + '{"line": 5', encoding="utf-8")
    (tmp_path / "poems.jsonl.bak").write_text("mine")
    ticks = []
    output.merge(lambda: ticks.append(1))
    output.close()
    assert [(r["line"], r["number"]) for r in records(output.path)] == places
    assert [record.place for record in merged([Extent.of(output.path)])] == places and len(ticks) == len(places)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["poems.jsonl", "poems.jsonl.bak"]


# Several processes -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.processes
def test_two_processes_write_what_one_does(run: Run, place: Path) -> None:
    count = write_requests(12)
    code, _, alone = run(*MIXED, "--seed", 3, "--output", "one.jsonl")
    process = start(*MIXED, "--seed", 3, "--output", "two.jsonl", command=TORCHRUN)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code == 1 and out == ""
    assert Path("two.jsonl").read_bytes() == Path("one.jsonl").read_bytes() and len(records("two.jsonl")) == count
    assert sorted(path.name for path in place.glob("two*")) == ["two.jsonl"]
    for line in alone.splitlines():
        assert err.splitlines().count(line) == 1, "one process speaks for all"


def split(whole: bytes, size: int, cuts: list[int]) -> None:
    """Part r of poems.jsonl: the first `cuts[r]` of every size-th record, and half of the next."""
    lines = whole.splitlines(keepends=True)
    for rank, cut in enumerate(cuts):
        own = lines[rank::size]
        half = own[cut][:30] if cut < len(own) else b""
        Path(f"poems.jsonl.{rank}-of-{size}").write_bytes(b"".join(own[:cut]) + half)


@pytest.mark.slow
@pytest.mark.processes
def test_processes_go_on_with_what_others_left(run: Run, place: Path) -> None:
    """Two take up a file begun by one, and parts of three and of two; one takes up the parts of two."""
    count = write_requests(12)
    run(*MIXED, "--seed", 3, "--output", "whole.jsonl")
    whole = Path("whole.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    split(whole, 3, [12, 9, 0])
    split(whole, 2, [20, 25])
    Path("poems.jsonl").write_bytes(b"".join(lines[:7]))
    process = start(*MIXED, "--resume", "--output", "poems.jsonl", command=TORCHRUN)
    _, err = process.communicate(timeout=PATIENCE)
    assert Path("poems.jsonl").read_bytes() == whole, err
    assert not list(place.glob("poems.jsonl.*"))
    Path("poems.jsonl").unlink()
    split(whole, 2, [count // 2, 5])
    _, _, err = run(*MIXED, "--resume", "--output", "poems.jsonl")
    assert "going on after 11 poems" in err
    assert Path("poems.jsonl").read_bytes() == whole and not list(place.glob("poems.jsonl.*"))


@pytest.mark.slow
@pytest.mark.processes
def test_a_rank_that_is_killed_loses_nothing(run: Run, place: Path) -> None:
    Path("titles.txt").write_text("春\n" * 300, encoding="utf-8")
    words = ("--input", "titles.txt", "--output", "poems.jsonl", "--seed", 1)
    port = str(free_port())
    ranks = []
    for rank in range(2):
        environment = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
        ranks.append(start(*words, env=os.environ | environment | {"MASTER_PORT": port}))
    kill_at(ranks[1], Path("poems.jsonl.1-of-2"), 20)
    ranks[1].communicate()
    _, err = ranks[0].communicate(timeout=PATIENCE)
    assert ranks[0].returncode == 1 and "Traceback" not in err
    assert "a process of the run has ended" in err and "--resume goes on with poems.jsonl" in err
    assert not Path("poems.jsonl").exists() and len(records("poems.jsonl.0-of-2")) == 150
    run(*words[:4], "--resume")
    assert [record["number"] for record in records("poems.jsonl")] == list(range(300))


@pytest.mark.slow
@pytest.mark.processes
def test_processes_need_files(run: Run, place: Path) -> None:
    process = start("春", command=TORCHRUN)
    out, err = process.communicate(timeout=PATIENCE)
    told = [line for line in err.splitlines() if line.startswith("poetgen: ")]
    assert process.returncode == 1 and out == "" and len(told) == 1 and "--output FILE.jsonl" in told[0]


class Threads(World):
    """A world whose ranks are threads."""

    def __init__(self, rank: int, told: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.size = rank, len(told)
        self._told, self._barrier = told, barrier

    def gather(self, value: Any) -> list[Any]:
        self._told[self.rank] = value
        self._barrier.wait(timeout=60)
        found = list(self._told)
        self._barrier.wait(timeout=60)
        return found


def test_ranks_wait_for_the_slowest_and_for_the_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Heartbeat, "EVERY", 0.01)
    told, barrier = [None] * 3, threading.Barrier(3)
    ended: list[tuple[str, int]] = []

    def rank(number: int) -> None:
        heartbeat = Heartbeat(Threads(number, told, barrier))
        for done in range(1, 10 * number + 2):
            time.sleep(0.01)
            heartbeat.beat(done)
            assert done <= heartbeat.estimate(done) <= 33
        ended.append(("written", number))

        def merge(tick: Callable[[], object]) -> None:
            for _ in range(10):
                time.sleep(0.01)
                tick()
            ended.append(("merged", number))

        heartbeat.finish(done, merge)
        assert heartbeat.estimate(done) == 33
        ended.append(("ended", number))

    threads = [threading.Thread(target=rank, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ended[:4] == [("written", 0), ("written", 1), ("written", 2), ("merged", 0)]
    assert sorted(ended[4:]) == [("ended", 0), ("ended", 1), ("ended", 2)]


# Memory and numbers ----------------------------------------------------------------------------------------------


def test_requests_are_known_by_what_they_ask_for() -> None:
    draw = random.Random(1)
    keys: dict[int, tuple[Request, SampleConfig]] = {}
    for _ in range(5000):
        request = Request(str(draw.randrange(900)), keywords=("月",) * draw.randrange(2))
        config = SampleConfig(top_p=draw.choice([1, 1.0, 0.9]), seed=draw.choice([1, 2**60, 2**60 + 1]))
        key = request_key(Job(request, config, draw.randrange(3)))
        assert keys.setdefault(key, (request, config)) == (request, config), "1 and 1.0 ask for the same"
    assert len(keys) == len(set(keys.values()))


class Mute:
    """A poet that writes one line, at once."""

    def __init__(self) -> None:
        self.checkpoint = type("Nothing", (), {"id": "none"})

    def job(self, title: str, seed: int) -> tuple[Job, list[str]]:
        return Job(Request(title), SampleConfig(seed=seed)), []

    def shortfall(self, job: Job, text: str) -> str:
        return ""

    def samples(self, jobs: Iterable[Job]) -> Iterator[Sample]:
        for request, config, number, _ in jobs:
            assert number is not None
            yield Sample(request, config, number, "", "春。", 1.0)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_titles(tmp_path: Path) -> None:
    """20,000 different titles, begun anew and gone on with: kept whole, requests alone would take 10 megabytes."""
    count = 20_000
    output = Output(tmp_path / "poems.jsonl", resume=True)
    peaks = []
    for end in (count // 10, count):
        titles = Titles("titles.txt", (TitleLine(number, str(number), {}) for number in range(1, end + 1)), end)
        tracemalloc.start()
        extents = output.prepare()
        batch = TitleBatch(Mute(), titles, {"seed": 1}, extents=extents)  # type: ignore[arg-type]
        output.open(World(), extents)
        for line, sample in batch.poems():
            output.add(json.dumps({"line": line, **sample.record("none")}) + "\n")
        output.close()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert batch.asked == end and batch.total == end
    assert batch.there == count // 10
    assert max(peaks) < 3e6, peaks
