"""Poems, tables, progress and the picture of a run."""

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetgen.cli import display
from poetgen.writing.sampler import couplets

POEM = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


# Poems -----------------------------------------------------------------------------------------------------------


@given(st.text("春风，。！？；\n", max_size=40))
def test_verse_sets_the_lines_that_a_sample_has(text: str) -> None:
    assert "".join(display.verse(text)) == "".join(f"{line}\n" for line in couplets(text))


def test_verse_shows_each_character_at_once() -> None:
    def chars():  # type: ignore[no-untyped-def]
        yield "春"
        raise RuntimeError("the second character was asked for before the first was shown")

    assert next(display.verse(chars())) == "春"


def test_a_terminal_indents_verse_and_centres_the_title(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = "".join(display.verse(POEM, terminal=True)).splitlines()
    assert lines == ["  白日依山尽，黄河入海流。", "  欲穷千里目，更上一层楼。"]
    title, author, empty = display.heading("登鹳雀楼", "王之涣", "五绝", terminal=True).split("\n")[:3]
    middle = display.columns("  白日依山尽，黄河入海流") / 2
    for line in (title, author):
        assert abs(display.columns(line) - display.columns(line.strip()) / 2 - middle) <= 1.5
    assert empty == ""


def test_colour_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1m" in display.heading("春", terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in display.heading("春", terminal=True)


def test_piped_headings_are_plain() -> None:
    assert display.heading("春", "李白") == "春\n拟李白\n"
    assert display.heading("") == ""


def test_dumb_terminals_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not display.is_terminal(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert display.is_terminal(Terminal())
    assert not display.is_terminal(io.StringIO())


def test_tables_align_chinese_and_latin() -> None:
    lines = display.table([("五绝", "1"), ("lines", "2"), ("x", "")]).splitlines()
    assert {display.columns(line[: line.index(mark)]) for line, mark in zip(lines, "12", strict=False)} == {7}
    assert lines[2] == "x"


# Progress --------------------------------------------------------------------------------------------------------


def test_quick_work_shows_no_progress() -> None:
    stream = io.StringIO()
    with display.Progress(stream) as progress:
        progress.update("writing", 1, 2)
    assert stream.getvalue() == ""


def test_plain_progress_is_a_line_now_and_then() -> None:
    stream = io.StringIO()
    with display.Progress(stream, delay=0, every=60) as progress:
        for done in range(5):
            progress.update("reading", done, 4, "x")
    assert stream.getvalue() == "reading: 0%, x\n"


def test_progress_estimates_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    stream = io.StringIO()
    with display.Progress(stream, delay=0, every=10) as progress:
        progress.update("training", 0.5, 1.0)  # a resumed run does not count what was done before
        progress.update("training", 0.6, 1.0)
        progress.update("encoding", 0, 0)
    assert stream.getvalue().splitlines() == ["training: 50%", "training: 60%, 0:40 left", "encoding: "]


def test_a_terminal_gets_a_bar_and_lines_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with display.Progress(stream, delay=0) as progress:
        progress.update("reading", 1, 4, "1 of 4 [MB]")
        progress.say("a [line] of its own")
        progress.update("reading", 2, 4, "2 of 4 [MB]")
    assert "25% " in stream.getvalue()
    assert "1 of 4 [MB]" in stream.getvalue()
    assert "50% " in stream.getvalue()
    assert "a [line] of its own" in stream.getvalue()


def test_stanzas_are_parted_by_a_blank_line() -> None:
    assert "".join(display.verse("春。夏。秋。冬。", breaks=(4,))) == "春。\n夏。\n\n秋。\n冬。\n"
