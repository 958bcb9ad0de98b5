"""Poems as they are printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetgen.cli.terminal import BOLD, columns
from poetgen.cli.verse import heading, verse
from poetgen.text import couplets

POEM = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


@pytest.mark.slow
@given(st.text("春风，。！？；\n", max_size=40))
def test_verse_sets_the_lines_that_a_sample_has(text: str) -> None:
    printed = "".join(verse(text, has_lines="\n" in text))
    assert [line for line in printed.split("\n") if line] == couplets(text)


def test_verse_shows_each_character_at_once() -> None:
    def chars():  # type: ignore[no-untyped-def]
        yield "春"
        raise RuntimeError("the second character was asked for before the first was shown")

    assert next(verse(chars())) == "春"


def test_a_terminal_indents_verse_and_centres_the_title(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = "".join(verse(POEM, terminal=True)).splitlines()
    assert lines == ["  白日依山尽，黄河入海流。", "  欲穷千里目，更上一层楼。"]
    title, author, empty = heading("登鹳雀楼", "王之涣", "五绝", terminal=True).split("\n")[:3]
    middle = columns("  白日依山尽，黄河入海流") / 2
    for line in (title, author):
        assert abs(columns(line) - columns(line.strip()) / 2 - middle) <= 1.5
    assert empty == ""


def test_colour_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert BOLD in heading("春", terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert BOLD not in heading("春", terminal=True)


def test_piped_headings_are_plain() -> None:
    assert heading("春", "李白") == "春\n拟李白\n"
    assert heading("") == ""


def test_stanzas_are_parted_by_a_blank_line() -> None:
    assert "".join(verse("春。夏。秋。冬。", breaks=(4,))) == "春。\n夏。\n\n秋。\n冬。\n"
