"""What all output on a terminal shares: the width of Chinese text, tables, and codes of colours."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

#: Stands before lines of verse.
INDENT: Final = "  "
#: What begins a colour, and what ends all of them.
BOLD, RED, YELLOW, DIM, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


def wants_colour(terminal: bool) -> bool:
    """Whether to use colours: on a terminal, unless the environment has NO_COLOR (https://no-color.org)."""
    return terminal and not os.environ.get("NO_COLOR")


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at `stream`, on something that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: two for each Chinese character.

    >>> columns("春 a")
    4
    """
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text)


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows of text in columns, each as wide as it must be.

    >>> print(table([("诗", "1"), ("lines", "12")]), end="")
    诗     1
    lines  12
    """
    rows = list(rows)
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    padded = ([cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "".join("  ".join(cells).rstrip() + "\n" for cells in padded)
