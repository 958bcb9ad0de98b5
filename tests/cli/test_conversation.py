"""`poetgen sample` without a title, on a terminal."""

from __future__ import annotations

import os
import select
import shutil
import sys
import time
from pathlib import Path

import pytest

from poetgen.cli.conversation import Conversation, complete_line
from poetgen.errors import PoetgenError, SaveError, UsageError
from poetgen.network.checkpoint import Checkpoint
from poetgen.writing.writer import Writer


@pytest.fixture
def talk(tiny: Path) -> Conversation:
    return Conversation(Writer(Checkpoint.load(tiny)), {"form": "auto", "keywords": [], "seed": None, "candidates": 2})


def said(talk: Conversation, line: str) -> str:
    return "".join(talk.answer(line))


def test_titles_get_poems_and_options_stay(talk: Conversation) -> None:
    assert said(talk, "/form 五绝") == "form: 五绝\n"
    first = said(talk, "春夜").splitlines()
    assert first[0] == "春夜" and len("".join(first[1:-1])) == 24 and first[-1].startswith("五绝, seed ")
    again = said(talk, "/again").splitlines()
    assert again[0] == "春夜" and again != first
    assert said(talk, "/form") == "form: as usual\n" and len("".join(said(talk, "秋").splitlines()[1:-1])) == 64
    assert said(talk, "") == "" and "/again" in said(talk, "/help")
    said(talk, "/quit")
    assert talk.ended


def test_a_seed_that_is_set_gives_the_same_poem_and_again_another(talk: Conversation) -> None:
    said(talk, "/seed 7")
    assert said(talk, "春") == said(talk, "春") != said(talk, "/again")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/form 绝句", "did you mean 五绝 or 七绝?"),
        ("/from 七绝", "/from: no such command; did you mean /form"),
        ("/temperature hot", "/temperature hot: give a number"),
        ("/candidates 0", "--candidates 0: give a number of at least 1"),
        ("/again", "there is no poem yet"),
        ("/save poem.txt", "there is no poem yet"),
        ("/save", "give a file"),
        ("/xyz", "/help shows them"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(line: str, message: str, talk: Conversation) -> None:
    before = dict(talk.options)
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        said(talk, line)
    assert talk.options == before and len(said(talk, "春")) > 60


def test_poems_are_saved_one_below_the_other(talk: Conversation, tmp_path: Path) -> None:
    file = tmp_path / "poems.txt"
    file.write_text("mine\n", encoding="utf-8")
    first = said(talk, "春")
    assert "added to" in said(talk, f"/save {file}")
    second = said(talk, "秋")
    said(talk, f"/save {file}")
    poems = ["\n".join(poem.splitlines()[:-1]) + "\n" for poem in (first, second)]
    assert file.read_text(encoding="utf-8") == "\n".join(["mine\n", *poems])
    with pytest.raises(SaveError):
        said(talk, f"/save {tmp_path}/none/poem.txt")
    with pytest.raises(PoetgenError):
        said(talk, f"/save {tmp_path}")


def test_what_the_tab_key_completes() -> None:
    assert complete_line("/ag", "/ag") == ["/again"] and complete_line("/form 水调歌", "水调歌") == ["水调歌头"]
    assert complete_line("春", "春") == [] and complete_line("/nothing 春", "春") == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
def test_a_person_at_a_terminal(tiny: Path, tmp_path: Path) -> None:
    import pty

    shutil.copytree(tiny, tmp_path / "checkpoints" / "tiny")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-m", "poetgen", "sample", "--form", "五绝"])
    shown = ""
    end = time.monotonic() + 120

    def wait_for(text: str) -> None:
        nonlocal shown
        while text not in shown:
            assert time.monotonic() < end, shown
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 4096).decode("utf-8", "replace")
        shown = shown[shown.index(text) + len(text) :]

    wait_for("title> ")
    os.write(terminal, "春夜\n".encode())
    wait_for("五绝, seed ")
    wait_for("title> ")
    os.write(terminal, "/form 绝句\n".encode())
    wait_for("/form 绝句: no such form; did you mean 五绝 or 七绝?")
    wait_for("title> ")
    os.write(terminal, b"/quit\n")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
