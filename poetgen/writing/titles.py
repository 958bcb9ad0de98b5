"""Files of titles, one a line, or records that may give any option of a poem: JSON Lines, a JSON array, or a table.

    静夜思
    春夜喜雨

    {"title": "静夜思", "form": "五绝", "seed": 7}
    {"title": "春夜喜雨", "keywords": ["江船", "花"], "temperature": 0.6}

    ["静夜思", {"title": "春夜喜雨", "form": "五绝"}]

    title,form
    静夜思,五绝

The records that `poetgen sample --json` writes are such lines too: a file of them asks for the same poems again.

A file is read as it is needed, and only the line that is looked at lies in memory; a JSON array is read whole. A line
that cannot be read is told with its number and its reason, and does not stop the rest.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self, cast

from poetgen.corpus.contents import refuse_other_than_text
from poetgen.corpus.encoding import encoding_of
from poetgen.corpus.fields import role_of
from poetgen.errors import SourceError, UsageError
from poetgen.files import STDIN, parse_json, to_json
from poetgen.writing.request import KINDS, WORD_OPTIONS, is_of_kind, split_keywords

if TYPE_CHECKING:
    from poetgen.writing.request import Options

#: Bytes from which the encoding is told.
_PEEKED: Final = 1 << 20

#: Characters of the longest line that is read.
LONGEST_LINE: Final = 1 << 16

#: How a JSON array, or an object over several lines, begins; and an array that is no title in brackets.
_JSON_START: Final = re.compile(r"\[|\{\s*\n")
_ARRAY_START: Final = re.compile(r'\[\s*["{\n]')

#: What each field of a line has to be, in words for people.
_FIELDS: Final = {
    "title": "text",
    **KINDS,
    **dict.fromkeys(WORD_OPTIONS, "a list of words, or text with commas or spaces between them"),
}

#: What a record of `poetgen sample` says about the poem, besides what was asked for.
_OF_RECORDS: Final = {"line", "asked_title", "text", "checkpoint", "scores"}
#: What columns and fields may be called besides the names of options, by what corpora call them.
_OPTION_OF_ROLE: Final = {"title": "title", "author": "author", "dynasty": "dynasty", "tune": "form"}
_OTHER_NAMES: Final = {
    "形式": "form",
    "体裁": "form",
    "體裁": "form",
    "诗体": "form",
    "关键词": "keywords",
    "续写": "begin",
    "藏头": "acrostic",
    "嵌字": "acrostic",
    "hidden": "acrostic",
    "步韵": "feet",
    "依韵": "rhyme_like",
    "韵": "rhyme",
    "韵书": "book",
}
_KNOWN: Final = {*_FIELDS, *_OF_RECORDS, "number", "lines", "options"}
#: Numbers that a poem may have among equal ones.
_NUMBERS: Final = range(2**63)


@dataclass(frozen=True)
class TitleLine:
    """What line `number` asks for (0: of no file), and the names of the fields in it that were passed over.

    The entries of a JSON array are numbered instead of its lines. `first` is the number, among equal poems, of the
    first that is asked for, where a record tells it, and `asked` the title that led to `title`.
    """

    number: int
    title: str
    options: Options
    ignored: tuple[str, ...] = ()
    first: int | None = None
    asked: str = ""


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
    [TitleLine(number=0, title='春', options={}, ignored=(), first=None, asked='')]
    """
    lines: list[TitleLine | BrokenLine] = [TitleLine(0, title, {}) for title in titles]
    return Titles("", iter(lines), len(lines))


def read_titles(path: Path) -> Titles:
    """The titles of a file, or of standard input for "-".

    The encoding is told from the first megabyte. Raises SourceError where there is nothing to read, for a JSON array
    that is broken, and for a table without a column of titles.
    """
    name = "standard input" if path == STDIN else str(path)
    try:
        size = None if path == STDIN else _count_lines(path)
        raw = io.FileIO(sys.stdin.fileno(), closefd=False) if path == STDIN else io.FileIO(path)
        data = io.BufferedReader(raw, _PEEKED)
        try:
            return _read_titles(data, name, path.suffix.lower(), size)
        except BaseException:
            data.close()
            raise
    except OSError as error:
        raise SourceError(f"--input {name}: cannot be read ({error.strerror or error})") from error


def _read_titles(data: io.BufferedReader[io.FileIO], name: str, suffix: str, size: int | None) -> Titles:
    sample = data.peek()
    encoding = _encoding(sample, name)
    start = sample.decode(encoding, "replace").lstrip("\ufeff\t\r\n ")
    if suffix == ".json" or _JSON_START.match(start):
        whole = data.read()
        value = _parsed(whole.decode(encoding, "replace").lstrip("\ufeff"), name, start)
        data.close()
        if value is not None:
            lines = [_title_line(number, entry) for number, entry in enumerate(value, 1)]
            return Titles(name, iter(lines), len(lines))
        rows = _rows(io.BytesIO(whole), encoding, name)  # lines after all
    else:
        rows = _rows(data, encoding, name)
    first = next(rows, None)
    if first is None:
        raise SourceError(f"--input {name}: no titles in it; give one a line, JSON, or CSV with a header")
    if delimiter := _delimiter(first[1], suffix in (".csv", ".tsv"), name):
        return Titles(name, _table_lines(first[1], rows, delimiter), size)
    records = suffix in (".json", ".jsonl", ".ndjson") or first[1].startswith("{")
    return Titles(name, _title_lines(first, rows, records), size)


def _parsed(text: str, name: str, start: str) -> list[Any] | None:
    """The entries of a JSON array, or of an object over several lines; None for what is JSON Lines, or lines of titles.

    Raises SourceError for what must be JSON and is broken.
    """
    try:
        value = parse_json(text)
    except ValueError as error:
        if start.startswith("[") and (_ARRAY_START.match(start) or "\n" not in text.strip()):
            at = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise SourceError(f"--input {name}{at}: broken JSON ({reason}). Mend it.") from error
        return None
    if isinstance(value, dict):  # {"titles": [...]}
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        return lists[0] if len(lists) == len(value) == 1 else [value]
    return value if isinstance(value, list) else None


def _title_lines(
    first: tuple[int, str], rows: Generator[tuple[int, str], None, None], records: bool
) -> Iterator[TitleLine | BrokenLine]:
    with closing(rows):
        for number, row in chain([first], rows):
            if broken := _unreadable_line(number, row):
                yield broken
            else:
                yield _record_line(number, row) if records else TitleLine(number, row, {})


def _unreadable_line(number: int, row: str) -> BrokenLine | None:
    if len(row) > LONGEST_LINE:
        return BrokenLine(number, f"more than {LONGEST_LINE:,} characters in one line")
    if "\ufffd" in row:
        return BrokenLine(number, "holds bytes that are no text; save the file as UTF-8")
    return None


def _record_line(number: int, row: str) -> TitleLine | BrokenLine:
    try:
        return _title_line(number, parse_json(row))
    except ValueError as error:
        return BrokenLine(number, str(error))


def _title_line(number: int, record: Any) -> TitleLine | BrokenLine:
    """What a JSON value asks for: a title, or a title and options."""
    if isinstance(record, str):
        return TitleLine(number, record.strip(), {})
    try:
        fields = _checked_fields(record)
    except UsageError as error:
        return BrokenLine(number, str(error))
    options = {key: value for key, value in fields.items() if key in KINDS}
    first = fields.get("number")
    is_number = isinstance(first, int) and not isinstance(first, bool) and first in _NUMBERS
    understood = {"title", *KINDS, *_OF_RECORDS, *(["number"] if is_number else [])}
    ignored = tuple(sorted(fields.keys() - understood))
    title, asked = fields.get("title", ""), fields.get("asked_title", "")
    return TitleLine(
        number,
        title,
        cast("Options", options),
        ignored,
        first if is_number else None,
        asked if isinstance(asked, str) else "",
    )


def _checked_fields(record: Any) -> dict[str, Any]:
    """The fields of a line that are not null, those of `options` too; raises UsageError for one of a wrong type."""
    if not isinstance(record, dict):
        raise UsageError('give a JSON object on each line, such as {"title": "静夜思"}')
    if isinstance(record.get("lines"), list):  # the couplets of a poem, not how many there are to be
        del record["lines"]
    options = record.pop("options", None)
    fields = record | options if isinstance(options, dict) else record
    fields = {key: value for key, value in fields.items() if value is not None}
    for key in [key for key in fields if key not in _KNOWN]:
        if (name := _option_name(key)) and name not in fields:
            fields[name] = fields.pop(key)
    for key, kind in _FIELDS.items():
        if key in fields and not is_of_kind(fields[key], KINDS.get(key, kind)):
            value = "" if key in WORD_OPTIONS else f", not {to_json(fields[key])}"
            raise UsageError(f"{key} must be {kind}{value}")
    for name in WORD_OPTIONS:
        if isinstance(words := fields.get(name), str):
            fields[name] = split_keywords(words)
    return fields


# Tables ----------------------------------------------------------------------------------------------------------


def _option_name(column: str) -> str:
    """What a column, or a field, is for: "title", or the name of an option; empty for what is neither.

    >>> _option_name("Title"), _option_name("题目"), _option_name("top-k"), _option_name("price")
    ('title', 'title', 'top_k', '')
    """
    column = column.strip().strip("\ufeff\"'")
    name = column.lower().replace("-", "_").replace(" ", "_")
    return name if name in _FIELDS else _OTHER_NAMES.get(column) or _OPTION_OF_ROLE.get(role_of(column), "")


def _delimiter(header: str, called: bool, name: str) -> str:
    """What parts the cells of a header with a column of titles; empty where the first line is a title itself.

    What is `called` a table must have a header where it has several columns; raises SourceError.
    """
    parts = "\t,;"
    for delimiter in [part for part in parts if part in header] or parts[0]:
        cells = header.split(delimiter)
        names = [_option_name(cell) for cell in cells]
        # 「题，春」 is a title; a header has nothing but names.
        if "title" in names and (all(names) and len(cells) > 1 or called):
            return delimiter
    if called and any(part in header for part in parts):
        raise SourceError(f"--input {name}, line 1: no header with a column title; begin with one, such as title,form")
    return ""


def _table_lines(
    header: str, rows: Generator[tuple[int, str], None, None], delimiter: str
) -> Iterator[TitleLine | BrokenLine]:
    """The rows of a table; a row is a line, of which the cells may be in quotes."""
    columns = next(csv.reader([header], delimiter=delimiter))
    names = [_option_name(column) or column.strip() for column in columns]
    with closing(rows):
        for number, row in rows:
            if broken := _unreadable_line(number, row):
                yield broken
                continue
            try:
                cells = next(csv.reader([row], delimiter=delimiter, strict=True))
                if any(map(str.strip, cells[len(names) :])):
                    raise UsageError(f"{len(cells)} cells, where the header has {len(names)}; put quotes around them")
                fields = {name: _value(name, cell.strip()) for name, cell in zip(names, cells, strict=False)}
                yield _title_line(number, {name: value for name, value in fields.items() if value != ""})
            except (csv.Error, UsageError) as error:
                yield BrokenLine(number, str(error))


def _value(name: str, cell: str) -> str | int | float:
    """A cell as the value of an option: a number where that is one."""
    kind = KINDS.get(name, "")
    try:
        return int(cell) if "whole" in kind else float(cell) if "number" in kind else cell
    except ValueError:
        return cell  # empty, or told as what it is not


# Files -----------------------------------------------------------------------------------------------------------


def _rows(data: BinaryIO, encoding: str, name: str) -> Generator[tuple[int, str], None, None]:
    """The lines that are not empty, with their numbers; of one that is too long, a character more than its bound."""
    number = 0
    try:
        with data:
            file = io.TextIOWrapper(data, encoding, errors="replace")
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
