"""What a terminal is, and tables on it."""

import io

import pytest

from poetgen.cli.terminal import columns, is_terminal, table


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
