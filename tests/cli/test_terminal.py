"""What a terminal is, and tables on it."""

import io
import json
import sys

import pytest

from poetgen.cli.terminal import BOLD, PLAIN, columns, is_terminal, shown_escaped, table
from poetgen.files import to_json


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_dumb_terminals_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not is_terminal(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert is_terminal(Terminal())
    assert not is_terminal(io.StringIO())


def test_tables_align_chinese_and_latin() -> None:
    lines = table([("五绝", "1"), ("lines", "2"), ("x", "")]).splitlines()
    assert {columns(line[: line.index(mark)]) for line, mark in zip(lines, "12", strict=False)} == {7}
    assert lines[2] == "x"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_tables_break_between_words(width: int) -> None:
    rows = [
        ("ppl_char", "1.0", "perplexity of Han characters, as the network sees them, in the precision of training")
    ] * 2
    text = table([*rows, ("五绝", "", "")], width)
    assert all(columns(line) <= width for line in text.splitlines())
    assert " ".join(text.split()) == " ".join(" ".join(" ".join(row) for row in [*rows, ("五绝", "", "")]).split())
    assert len(text.splitlines()) == (5 if width < 100 else 3)
    assert len({line.index("perplexity") for line in text.splitlines() if "perplexity" in line}) == 1
    assert table([("a", "one two three four five six seven")], 12) == "a  one two three four five six seven\n", (
        "no room"
    )


#: What terminals obey: a cleared screen, a return over what stands there, a bell, eight-bit codes, turned directions.
OBEYED = "\x1b[2J\r\a\x9b1m\u202e\u2066\u2028\x7f\x00"


def printed(text: str, monkeypatch: pytest.MonkeyPatch, encoding: str = "utf-8", terminal: bool = False) -> str:
    """What comes out where `text` is printed on a stream of this encoding."""
    raw = io.BytesIO()
    stream = (TerminalWriter if terminal else io.TextIOWrapper)(raw, encoding=encoding, newline="")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", stream)
    with shown_escaped():
        print(text, end="")
    stream.flush()
    return raw.getvalue().decode(stream.encoding)


class TerminalWriter(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_that_a_terminal_obeys_is_printed(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = printed(f"春{OBEYED}\t夜\n", monkeypatch, terminal=terminal)
    assert shown == "春\\u001b[2J\\u000d\\u0007\\u009b1m\\u202e\\u2066\\u2028\\u007f\\u0000\t夜\n"


def test_colours_of_its_own_reach_a_terminal_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{BOLD}春{PLAIN}夜"
    assert printed(text, monkeypatch, terminal=True) == "\x1b[1m春\x1b[0m夜"
    assert "\x1b" not in printed(text, monkeypatch)


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "cp936", "cp950", "big5", "ascii", "latin-1", "shift_jis"])
def test_json_stays_json_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"title": f"春{OBEYED}𠮷é한\ud83d", "ppl": float("nan"), "odds": [float("inf")]}
    shown = json.loads(printed(to_json(value), monkeypatch, encoding))
    assert shown == {"title": value["title"], "ppl": None, "odds": [None]}


@pytest.mark.parametrize(
    ("encoding", "shown"), [("gbk", "春\\ud842\\udfb7"), ("ascii", "春𠮷"), ("cp950", "春\\ud842\\udfb7")]
)
def test_what_a_code_page_lacks_is_escaped(encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed("春𠮷", monkeypatch, encoding) == shown
