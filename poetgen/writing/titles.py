"""Files of titles, one a line, or JSON Lines whose records may give any option of a poem.

    静夜思
    春夜喜雨

    {"title": "静夜思", "form": "五绝", "seed": 7}
    {"title": "春夜喜雨", "keywords": ["江船", "花"], "temperature": 0.6}

The records that `poetgen sample --json` writes are such lines too: a file of them asks for the same poems again.

A file is read as it is needed, and only the line that is looked at lies in memory. A line that cannot be read is told
with its number and its reason, and does not stop the rest.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from poetgen.corpus.encoding import decode
from poetgen.errors import SourceError, UsageError

if TYPE_CHECKING:
    from poetgen.writing.request import Options

STDIN: Final = Path("-")

#: Bytes from which the encoding is told.
_SAMPLE: Final = 1 << 20
#: What decode() tells apart; a byte-order mark belongs to "utf-8-sig" and "utf-16" only.
_ENCODINGS: Final = ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-16", "gb18030", "big5hkscs")

#: Characters of the longest line that is read.
LONGEST_LINE: Final = 1 << 16

_TEXT, _WHOLE, _NUMBER = ("text", (str,)), ("a whole number", (int,)), ("a number", (int, float))
_KINDS: Final[dict[str, tuple[str, tuple[type, ...]]]] = {
    "title": _TEXT,
    "form": _TEXT,
    "dynasty": _TEXT,
    "author": _TEXT,
    "length": _WHOLE,
    "top_k": _WHOLE,
    "top_p": _NUMBER,
    "temperature": _NUMBER,
    "seed": _WHOLE,
    "candidates": _WHOLE,
    "rhyme": _TEXT,
    "tones": _TEXT,
    "acrostic": _TEXT,
    "lines": _WHOLE,
}

#: What a record of `poetgen sample` says about the poem, besides what was asked for.
_OF_RECORDS: Final = {"line", "text", "number", "checkpoint", "scores"}


@dataclass(frozen=True)
class Line:
    """What line `number` asks for, and the names of the fields in it that were passed over. 0: of no file."""

    number: int
    title: str
    options: Options
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Broken:
    """Line `number`, which cannot be read, and why."""

    number: int
    reason: str


@dataclass(frozen=True)
class Titles:
    """The lines of a file, to be read once, without the empty ones; a context, which closes the file.

    `name` stands for the file in messages, and is empty for titles of the command line. `size` is the number of lines,
    empty ones too, where the file tells it beforehand.
    """

    name: str
    lines: Iterator[Line | Broken]
    size: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if isinstance(self.lines, Generator):
            self.lines.close()  # and with it the file

    def place(self, number: int) -> str:
        """Where a line stands.

        >>> Titles("titles.txt", iter([])).place(17)
        'titles.txt:17'
        """
        return f"{self.name}:{number}"


def given(titles: Iterable[str]) -> Titles:
    """Titles of the command line.

    >>> list(given(["春"]).lines)
    [Line(number=0, title='春', options={}, ignored=())]
    """
    lines: list[Line | Broken] = [Line(0, title, {}) for title in titles]
    return Titles("", iter(lines), len(lines))


def read_titles(path: Path) -> Titles:
    """The titles of a file, or of standard input for "-".

    The encoding is told from the first megabyte. Raises SourceError where there is nothing to read.
    """
    name = "standard input" if path == STDIN else str(path)
    try:
        size = None if path == STDIN else _count_lines(path)
        raw = io.FileIO(sys.stdin.fileno(), closefd=False) if path == STDIN else io.FileIO(path)
    except OSError as error:
        raise SourceError(f"--input {name}: cannot be read ({error.strerror or error})") from error
    rows = _rows(raw, name)
    first = next(rows, None)
    if first is None:
        raise SourceError(f"--input {name}: no titles in it; give one a line, or JSON Lines")
    records = path.suffix in (".jsonl", ".ndjson") or first[1].startswith("{")
    return Titles(name, _lines(first, rows, records), size)


def _lines(
    first: tuple[int, str], rows: Generator[tuple[int, str], None, None], records: bool
) -> Iterator[Line | Broken]:
    with closing(rows):
        for number, row in chain([first], rows):
            if len(row) > LONGEST_LINE:
                yield Broken(number, f"more than {LONGEST_LINE:,} characters in one line")
            elif "\ufffd" in row:
                yield Broken(number, "holds bytes that are no text; save the file as UTF-8")
            else:
                yield _line(number, row) if records else Line(number, row, {})


def _line(number: int, row: str) -> Line | Broken:
    try:
        fields = _fields(json.loads(row))
    except RecursionError:
        return Broken(number, "too many brackets within brackets")
    except (ValueError, UsageError) as error:
        return Broken(number, str(error))
    known = {key: value for key, value in fields.items() if key in _KINDS or key == "keywords"}
    ignored = tuple(sorted(fields.keys() - known.keys() - _OF_RECORDS))
    return Line(number, known.pop("title", ""), _checked(known), ignored)


def _fields(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise UsageError('give a JSON object on each line, such as {"title": "静夜思"}')
    if isinstance(record.get("lines"), list):  # the couplets of a poem, not how many there are to be
        del record["lines"]
    options = record.pop("options", None)
    fields = record | options if isinstance(options, dict) else record
    fields = {key: value for key, value in fields.items() if value is not None}
    for key, value in fields.items():
        if key in _KINDS:
            what, types = _KINDS[key]
            if not isinstance(value, types) or isinstance(value, bool):
                raise UsageError(f"{key} must be {what}, not {json.dumps(value, ensure_ascii=False)}")
    words = fields.get("keywords", [])
    if isinstance(words, str):
        fields["keywords"] = split_keywords(words)
    elif not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise UsageError("keywords must be a list of words, or text with commas or spaces between them")
    return fields


def _checked(known: dict[str, Any]) -> Options:
    options: Options = known  # type: ignore[assignment]  # _fields has looked at every type
    return options


def split_keywords(text: str) -> list[str]:
    """Words with commas, 、 or spaces between them.

    >>> split_keywords("明月, 故乡、酒")
    ['明月', '故乡', '酒']
    """
    return re.sub("[,，、;；]", " ", text).split()


# Files -----------------------------------------------------------------------------------------------------------


def _rows(raw: io.FileIO, name: str) -> Generator[tuple[int, str], None, None]:
    """The lines that are not empty, with their numbers; of one that is too long, a character more than its bound."""
    number = 0
    try:
        with io.BufferedReader(raw, _SAMPLE) as data:
            file = io.TextIOWrapper(data, _encoding(data.peek(), name), errors="replace")
            while row := file.readline(LONGEST_LINE + 1):
                number += 1
                rest = row
                while len(rest) > LONGEST_LINE and not rest.endswith("\n"):
                    rest = file.readline(LONGEST_LINE + 1)
                row = row.rstrip("\n")
                if len(row) > LONGEST_LINE or (row := row.strip()):
                    yield number, row
    except OSError as error:
        raise SourceError(f"--input {name}: cannot be read ({error.strerror or error})") from error


def _encoding(sample: bytes, name: str) -> str:
    """The encoding by which decode() reads a sample; raises SourceError for binary data."""
    sample = sample[: sample.rfind(b"\n") + 1 or None]
    text = decode(sample, name)
    return next(encoding for encoding in _ENCODINGS if _unix(sample.decode(encoding, "replace")) == text)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _count_lines(path: Path) -> int | None:
    """The lines of a file, exactly where it is in no UTF-16; None for what is no regular file, such as a pipe."""
    if not path.is_file():
        return None
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(_SAMPLE):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")
