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
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from poetgen.corpus.contents import refuse_other_than_text
from poetgen.corpus.encoding import encoding_of
from poetgen.errors import SourceError, UsageError
from poetgen.files import STDIN, parse_json
from poetgen.writing.request import KINDS, is_of_kind, split_keywords

if TYPE_CHECKING:
    from poetgen.writing.request import Options

#: Bytes from which the encoding is told.
_PEEKED: Final = 1 << 20

#: Characters of the longest line that is read.
LONGEST_LINE: Final = 1 << 16

#: What each field of a line has to be, in words for people.
_FIELDS: Final = {"title": "text", **KINDS, "keywords": "a list of words, or text with commas or spaces between them"}

#: What a record of `poetgen sample` says about the poem, besides what was asked for.
_OF_RECORDS: Final = {"line", "text", "checkpoint", "scores"}
#: Numbers that a poem may have among equal ones.
_NUMBERS: Final = range(2**63)


@dataclass(frozen=True)
class TitleLine:
    """What line `number` asks for (0: of no file), and the names of the fields in it that were passed over.

    `first` is the number, among equal poems, of the first that is asked for, where a record tells it.
    """

    number: int
    title: str
    options: Options
    ignored: tuple[str, ...] = ()
    first: int | None = None


@dataclass(frozen=True)
class BrokenLine:
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
    lines: Iterator[TitleLine | BrokenLine]
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
    [TitleLine(number=0, title='春', options={}, ignored=(), first=None)]
    """
    lines: list[TitleLine | BrokenLine] = [TitleLine(0, title, {}) for title in titles]
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
    return Titles(name, _title_lines(first, rows, records), size)


def _title_lines(
    first: tuple[int, str], rows: Generator[tuple[int, str], None, None], records: bool
) -> Iterator[TitleLine | BrokenLine]:
    with closing(rows):
        for number, row in chain([first], rows):
            if len(row) > LONGEST_LINE:
                yield BrokenLine(number, f"more than {LONGEST_LINE:,} characters in one line")
            elif "\ufffd" in row:
                yield BrokenLine(number, "holds bytes that are no text; save the file as UTF-8")
            else:
                yield _title_line(number, row) if records else TitleLine(number, row, {})


def _title_line(number: int, row: str) -> TitleLine | BrokenLine:
    try:
        fields = _checked_fields(parse_json(row))
    except (ValueError, UsageError) as error:
        return BrokenLine(number, str(error))
    options = {key: value for key, value in fields.items() if key in KINDS}
    first = fields.get("number")
    is_number = isinstance(first, int) and not isinstance(first, bool) and first in _NUMBERS
    understood = {"title", *KINDS, *_OF_RECORDS, *(["number"] if is_number else [])}
    ignored = tuple(sorted(fields.keys() - understood))
    return TitleLine(number, fields.get("title", ""), cast("Options", options), ignored, first if is_number else None)


def _checked_fields(record: Any) -> dict[str, Any]:
    """The fields of a line that are not null, those of `options` too; raises UsageError for one of a wrong type."""
    if not isinstance(record, dict):
        raise UsageError('give a JSON object on each line, such as {"title": "静夜思"}')
    if isinstance(record.get("lines"), list):  # the couplets of a poem, not how many there are to be
        del record["lines"]
    options = record.pop("options", None)
    fields = record | options if isinstance(options, dict) else record
    fields = {key: value for key, value in fields.items() if value is not None}
    for key, kind in _FIELDS.items():
        if key in fields and not is_of_kind(fields[key], KINDS.get(key, kind)):
            value = "" if key == "keywords" else f", not {json.dumps(fields[key], ensure_ascii=False)}"
            raise UsageError(f"{key} must be {kind}{value}")
    if isinstance(words := fields.get("keywords"), str):
        fields["keywords"] = split_keywords(words)
    return fields


# Files -----------------------------------------------------------------------------------------------------------


def _rows(raw: io.FileIO, name: str) -> Generator[tuple[int, str], None, None]:
    """The lines that are not empty, with their numbers; of one that is too long, a character more than its bound."""
    number = 0
    try:
        with io.BufferedReader(raw, _PEEKED) as data:
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
    """The encoding of a file that begins with a sample; raises SourceError for binary data."""
    refuse_other_than_text(sample, name)
    return encoding_of(sample[: sample.rfind(b"\n") + 1 or None], name)


def _count_lines(path: Path) -> int | None:
    """The lines of a file, exactly where it is in no UTF-16; None for what is no regular file, such as a pipe."""
    if not path.is_file():
        return None
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(_PEEKED):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")
