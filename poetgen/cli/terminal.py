"""What all output shares: what may not reach a terminal, the width of Chinese text, tables, and colours."""

from __future__ import annotations

import codecs
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from contextvars import ContextVar
from typing import Any, Final, TextIO, cast

from poetgen.text import code_point, escaped

#: Stands before lines of verse.
INDENT: Final = "  "
#: What begins a colour, and what ends all of them: noncharacters, which Unicode keeps for a program's own use. A text
#: may bring an escape sequence of a terminal along, which is then shown; only these become one, where output begins.
BOLD, RED, YELLOW, DIM, PLAIN = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3", "\ufdd4"
_COLOURS: Final = {BOLD: "\x1b[1m", RED: "\x1b[31m", YELLOW: "\x1b[33m", DIM: "\x1b[2m", PLAIN: "\x1b[0m"}
#: What writes the characters that an encoding lacks.
_LACKING: Final = "poetgen.escape"


class _Shown:
    """A stream of text that shows, escaped, what a terminal would obey: what files, names and options bring along.

    The escapes are those of JSON, so that a line of JSON stays one. `terminal_stream` is the stream itself, for what
    has to move the cursor.
    """

    def __init__(self, stream: TextIO) -> None:
        self.terminal_stream = stream
        colour = wants_colour(is_terminal(stream))
        self._marks = str.maketrans({mark: code if colour else code_point(mark) for mark, code in _COLOURS.items()})

    def write(self, text: str) -> int:
        self.terminal_stream.write(escaped(text).translate(self._marks))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal_stream, name)


def _escape_lacking(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return code_point(error.object[error.start : error.end]), error.end


@contextmanager
def shown_escaped() -> Iterator[None]:
    """What is printed inside shows escaped what a terminal would obey, and what the encoding of the stream lacks.

    Where that encoding has no Chinese at all, it is UTF-8 that is written; one that has, such as GBK, is kept.
    """
    codecs.register_error(_LACKING, _escape_lacking)
    streams = []
    for stream in (cast(Any, sys.stdout), cast(Any, sys.stderr)):
        if stream is None:  # closed by whoever started us
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        try:
            "春".encode(stream.encoding)
            encoding = stream.encoding
        except (UnicodeEncodeError, LookupError):
            encoding = "utf-8"
        stream.reconfigure(encoding=encoding, errors=_LACKING)
        streams.append(cast(TextIO, _Shown(stream)))
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        yield


_QUIET: Final = ContextVar("quiet", default=False)


@contextmanager
def quieted(wanted: bool) -> Iterator[None]:
    """Say nothing but errors inside, if that is wanted."""
    token = _QUIET.set(wanted)
    try:
        yield
    finally:
        _QUIET.reset(token)


def is_quiet() -> bool:
    """Whether nothing but errors is to be said."""
    return _QUIET.get()


def wants_colour(terminal: bool) -> bool:
    """Whether to use colours: on a terminal, unless the environment has NO_COLOR (https://no-color.org)."""
    return terminal and not os.environ.get("NO_COLOR")


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at `stream`, on something that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def are_terminals() -> bool:
    """Whether a person types what is read, and sees what is written."""
    return sys.stdin is not None and sys.stdin.isatty() and is_terminal(sys.stdout)


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: two for each Chinese character.

    >>> columns("春 a")
    4
    """
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text)


def table(rows: Iterable[Sequence[str]], width: int = 0) -> str:
    """Rows of text in columns, each as wide as it must be.

    On a terminal, or within `width` columns, the last one breaks its lines between words where it has no room.

    >>> print(table([("诗", "1"), ("lines", "12")]), end="")
    诗     1
    lines  12
    """
    rows = list(rows)
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    room = (width or screen_width()) - sum(widths[:-1]) - 2 * (len(widths) - 1)
    if widths and _LEAST_ROOM <= room < widths[-1]:
        rows = [
            (*(row[:-1] if number == 0 else [""] * (len(row) - 1)), line)
            for row in rows
            for number, line in enumerate(folded(row[-1], room))
        ]
    padded = ([cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "".join("  ".join(cells).rstrip() + "\n" for cells in padded)


#: Columns of text that are worth a column.
_LEAST_ROOM: Final = 16


def screen_width() -> int:
    """The columns of the terminal that a person looks at; of what is none, more than any line has."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else 10**9


def folded(text: str, room: int) -> list[str]:
    """A text in lines of at most `room` columns, broken between words; one line for an empty text.

    >>> folded("the tone of each character", 16)
    ['the tone of each', 'character']
    """
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and columns(lines[-1]) + 1 + columns(word) > room:
            lines.append(word)
        else:
            lines[-1] += (" " if lines[-1] else "") + word
    return lines
