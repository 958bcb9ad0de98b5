"""Tables, with commas, tabs, semicolons or bars between their cells: each row becomes a poem."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from poetgen.corpus.columns import ColumnsUnclear, TableLayout, layout_of
from poetgen.corpus.fields import (
    PLAIN_NAMES,
    ColumnChoice,
    RecordBuilder,
    couplet,
    first_text,
    lines_of_field,
    normal_name,
    role_of,
)
from poetgen.corpus.poem import Record
from poetgen.errors import SourceError
from poetgen.language import Phrase
from poetgen.prosody.forms import SHAPES, recognise
from poetgen.text import clauses

if TYPE_CHECKING:
    from _csv import Reader

#: What may stand before a header: empty lines, and what tells a spreadsheet the delimiter.
_BLANK_LINES: Final = re.compile(r"\A(?:\ufeff|[^\S\n]*\n|sep=.\n)+", re.IGNORECASE)
_DELIMITERS: Final = "\t,;|"
#: Rows, and characters, by which the columns are told.
_SAMPLE_ROWS, _SAMPLE = 200, 1 << 16
#: Names that make a table of a single column; others may as well be the first line of a text.
_LONE_HEADERS: Final = frozenset(PLAIN_NAMES["body"])


class Dialect(NamedTuple):
    """How the cells of a table are set apart, and whether quotes may hold delimiters and line ends.

    `spaced` says that blanks may stand between a delimiter and a quote.
    """

    delimiter: str
    quoted: bool = True
    spaced: bool = False

    def rows(self, text: str) -> Reader:
        """The rows of a text; raises csv.Error where the quotes do not fit."""
        if csv.field_size_limit() < len(text):
            csv.field_size_limit(len(text))
        lines = io.StringIO(text, newline="")
        if not self.quoted:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=self.spaced)


def dialect_of(text: str, name: str = "", by_content: bool = True) -> Dialect | None:
    """How a text is set out if it is a table, None where it is none.

    A header that names a column of poems makes a table. Without one its rows must have the same number of cells, and
    one column verse where the others hold none (`by_content`). What is called .csv or .tsv is believed sooner.

    >>> dialect_of("title;content\\n"), dialect_of("title;year\\n")
    (Dialect(delimiter=';', quoted=True, spaced=False), None)
    """
    head = _BLANK_LINES.sub("", text[: 2 * _SAMPLE])[:_SAMPLE]
    first = head.partition("\n")[0]
    called = _is_called_table(name)
    for delimiter in _DELIMITERS:
        cells = _sample(head, Dialect(delimiter))[:1] if delimiter in first else []
        if cells and any(role_of(cell) == "body" for cell in cells[0]):
            return _quoting(head, delimiter)
    if normal_name(first) in _LONE_HEADERS or (called and role_of(first) == "body"):
        return Dialect(",")
    for delimiter in _DELIMITERS if by_content else "":
        if delimiter in first and _is_table(head, _quoting(head, delimiter), called):
            return _quoting(head, delimiter)
    return None


def _quoting(head: str, delimiter: str) -> Dialect:
    """With tabs or bars quotes are often no more than marks."""
    dialect = Dialect(delimiter, spaced=re.search(rf"[{delimiter}] +\"", head) is not None)
    if delimiter in "\t|":
        try:
            for _ in islice(dialect.rows(head if len(head) < _SAMPLE else head[: head.rfind("\n")]), _SAMPLE_ROWS):
                pass
        except csv.Error:
            return Dialect(delimiter, quoted=False)
    return dialect


def _sample(head: str, dialect: Dialect) -> list[list[str]]:
    """The first rows that are not empty, as far as they can be read and are whole."""
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in islice(dialect.rows(head), _SAMPLE_ROWS) if any(map(str.strip, row)))
    except csv.Error:  # cut off within a cell, or broken: the reader says so when it comes there
        pass
    return rows[:-1] if len(head) == _SAMPLE and len(rows) > 1 else rows


def _is_table(head: str, dialect: Dialect, called: bool) -> bool:
    """Whether a text whose first line names no column of poems is a table, by all of its first rows."""
    rows = _sample(head, dialect)
    if not rows:
        return False
    widths = Counter(map(len, rows))
    width, count = widths.most_common(1)[0]
    if width < 2 or count * 10 < len(rows) * 9:
        return False
    cells = [cell for row in rows for cell in row[1:]]
    if not called and dialect.delimiter in ",;" and sum(cell[:1] == " " for cell in cells) * 2 > len(cells):
        return False  # marks of a text, which have a space behind them
    try:
        layout = layout_of(rows, ColumnChoice(), couplets=dialect.delimiter == "\t" or called)
    except ColumnsUnclear:
        return called
    if called or layout.couplet:
        return True
    body = int(layout.names.body[0])
    forms = [recognise(clauses(row[body])) for row in rows[layout.header :] if body < len(row)]
    return len(rows) > 1 + layout.header or any(form in SHAPES for form in forms)


def table_records(
    text: str, builder: RecordBuilder, choice: ColumnChoice, passed_over: Counter[str] | None = None
) -> Iterator[Record]:
    """The poems of a table, one a row; what was taken for what is said where it is not plain.

    Raises SourceError where no column of poems can be told, and for a row that does not fit the first. With
    `passed_over`, that of a bystander, the former is counted instead.
    """
    text, name = _BLANK_LINES.sub("", text), builder.name
    dialect = dialect_of(text, name) or _likeliest(text[:_SAMPLE])
    couplets = dialect.delimiter == "\t" or _is_called_table(name)
    try:
        layout = layout_of(_sample(text[:_SAMPLE], dialect) or [[""]], choice, couplets)
    except ColumnsUnclear as unclear:
        if passed_over is None:
            raise SourceError(
                Phrase(
                    "{file}: {unclear}. Give --columns body=… with the number or name of one.",
                    file=name,
                    unclear=unclear.args[0],
                )
            ) from None
        passed_over["table whose verse cannot be told"] += 1
        return
    if layout.told:
        builder.say(layout.told)
    rows = dialect.rows(text)
    try:
        yield from _records(rows, layout, dialect, builder)
    except csv.Error as error:
        raise SourceError(
            Phrase(
                "{file}, line {line}: broken CSV ({error}). Mend or remove the file.",
                file=name,
                line=rows.line_num,
                error=str(error),
            )
        ) from error


def _records(rows: Reader, layout: TableLayout, dialect: Dialect, builder: RecordBuilder) -> Iterator[Record]:
    """A record a row, of the columns that the layout names."""
    width = 0
    for row in rows:
        if not width:
            width = max(len(row), layout.width)
            if layout.header:
                continue
        if any(cell.strip() for cell in row[width:]):
            above = "header" if layout.header else "first row"
            raise SourceError(
                Phrase(
                    "{file}, line {line}: {count} cells, where the {above} has {width}. Put quotes "
                    "around a cell that holds {delimiter}.",
                    file=builder.name,
                    line=rows.line_num,
                    count=len(row),
                    above=Phrase.known(above),
                    width=width,
                    delimiter=repr(dialect.delimiter),
                )
            )
        if any(cell.strip() for cell in row):
            yield record_of_row(row, layout, builder)
        else:
            builder.number += 1  # an empty row has its number, too


def record_of_row(row: Sequence[str], layout: TableLayout, builder: RecordBuilder) -> Record:
    """The record that a row makes; cells that it lacks are empty."""
    poem = {str(place): cell for place, cell in enumerate((*row, *[""] * (layout.width - len(row))))}
    if layout.couplet:
        lines = couplet(*(poem[key] for key in layout.couplet))
    else:
        lines = lines_of_field(first_text(poem, layout.names.body))
    return builder.record(poem, layout.names, lines)


def _is_called_table(name: str) -> bool:
    return name.lower().endswith((".csv", ".tsv"))


def _likeliest(head: str) -> Dialect:
    """The dialect of what is said to be a table: that which makes the most cells of its first line."""
    return _quoting(head, max(_DELIMITERS, key=head.partition("\n")[0].count))
