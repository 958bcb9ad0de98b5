"""Tables, CSV and TSV: a header names the columns, and each row below it becomes a poem."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from poetgen.corpus.fields import BODY_NAMES, RecordBuilder, field_names, first_text, lines_of_field
from poetgen.corpus.poem import Record
from poetgen.errors import SourceError

#: What may stand before a header.
_BLANK_LINES: Final = re.compile(r"\A(?:\ufeff|[^\S\n]*\n)+")


def delimiter_of(header: str) -> str:
    """What parts the cells of a header that names a column of poems, or "" for a line that is no such header.

    >>> delimiter_of("title;content"), delimiter_of("title;year")
    (';', '')
    """
    for delimiter in ("\t", ",", ";"):
        cells = (cell.strip().strip('"').strip().lower() for cell in header.split(delimiter))
        if delimiter in header and any(cell in BODY_NAMES for cell in cells):
            return delimiter
    return "," if header.strip().strip('"').lower() in BODY_NAMES else ""


def table_records(text: str, name: str) -> Iterator[Record]:
    """The poems of a table, one a row.

    Raises SourceError where no column of poems is named, and for a row that the header does not fit.
    """
    text = _BLANK_LINES.sub("", text)
    delimiter = delimiter_of(text.partition("\n")[0])
    if not delimiter:
        raise SourceError(f"{name}, line 1: no header names the column of poems. Call it content or paragraphs.")
    if csv.field_size_limit() < len(text):
        csv.field_size_limit(len(text))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    builder = RecordBuilder(name, "row")
    try:
        header = [cell.strip().lower() for cell in next(rows)]
        for row in rows:
            if any(cell.strip() for cell in row[len(header) :]):
                raise SourceError(
                    f"{name}, line {rows.line_num}: {len(row)} cells, where the header has {len(header)}. Put quotes "
                    f"around a cell that holds {delimiter!r}."
                )
            poem = dict(zip(header, row, strict=False))
            names = field_names(tuple(poem))
            if any(cell.strip() for cell in row):
                yield builder.record(poem, names, lines_of_field(first_text(poem, names.body)))
    except csv.Error as error:
        raise SourceError(f"{name}, line {rows.line_num}: broken CSV ({error}). Mend or remove the file.") from error
