"""Readers: from the bytes of a document to records, whatever the format.

The format is told by content, for people name files as they like. A record is what the source says, uncleaned; only
the names of fields and dynasties are brought together here. Each kind of file has a module of its own:

    json_reader     JSON, JSON Lines        text_reader     one poem a line, plain text
    table_reader    CSV, TSV                fields          what the fields of a record, or columns, are called
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from poetgen.corpus.contents import text_of
from poetgen.corpus.couplets import CoupletDocument, couplet_records, unspaced
from poetgen.corpus.fields import ColumnChoice, RecordBuilder
from poetgen.corpus.json_reader import is_json, json_line_records, json_records
from poetgen.corpus.language import in_their_language
from poetgen.corpus.markup import without_left_overs
from poetgen.corpus.poem import Record
from poetgen.corpus.sources import Document
from poetgen.corpus.table_reader import dialect_of, table_records
from poetgen.corpus.text_reader import is_titled, line_records, passage_records, text_records
from poetgen.errors import SourceError

FORMATS: Final = ("auto", "json", "jsonl", "csv", "lines", "text")

_JSON_START: Final = re.compile(r"\s*\[\s*[\[{\"\]]")


def read(
    document: Document,
    format: str = "auto",
    *,
    passed_over: Counter[str] | None = None,
    columns: ColumnChoice | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[Record]:
    """The records of a document, in its order.

    What is no poem (a biography, a preface, a list of settings) is passed over and counted by kind in `passed_over`,
    and so is a bystander that is no text. `columns` says which columns of a table, or fields of a record, hold what.
    What the document was taken for, where that is not plain, is told to `say`: its encoding, its columns, plain text.

    Raises SourceError, naming the document and the line, for a broken one.
    """
    yield from in_their_language(_records(document, format, passed_over, columns, say))


def _records(
    document: Document,
    format: str,
    passed_over: Counter[str] | None,
    columns: ColumnChoice | None,
    say: Callable[[str], None],
) -> Iterator[Record]:
    if format not in FORMATS:
        raise ValueError(f"format is one of {', '.join(FORMATS)}, not {format!r}")
    counts: Counter[str] = Counter() if passed_over is None else passed_over
    data = document.read()
    try:
        text = text_of(data, document.name, say)
    except SourceError:
        if document.asked:
            raise
        counts["not text"] += 1
        return
    del data
    text, choice = unspaced(text), columns or ColumnChoice()

    def builder(unit: str) -> RecordBuilder:
        return RecordBuilder(document.name, unit, choice, say)

    if isinstance(document, CoupletDocument):
        yield from couplet_records(document, text, builder("line"), say)
        return
    match _sniff(text, document.name) if format == "auto" else format:
        case "json":
            yield from json_records(text, builder("record"), counts)
        case "jsonl":
            yield from json_line_records(text, builder("line"), counts)
        case "csv":
            yield from table_records(text, builder("row"), choice, None if document.asked else counts)
        case "lines":
            yield from line_records(without_left_overs(text), document.name)
        case "poems":
            yield from text_records(without_left_overs(text), document.name, counts, say)
        case _:
            yield from passage_records(without_left_overs(text), document.name)


def _sniff(text: str, name: str) -> str:
    """The format of a text, by its first lines."""
    if _JSON_START.match(text):
        first, *second = _nonblank_lines(text, 2)
        return "jsonl" if second and second[0].startswith("[") and is_json(first) else "json"
    if text[:1000].lstrip()[:1] == "{":
        first, *second = _nonblank_lines(text, 2)
        if is_json(first):
            return "jsonl" if second else "json"
        # A first line that is cut off, yet of the shape of a record, is a broken JSON Lines file, unless the lines
        # make one object together.
        return "jsonl" if second and second[0].startswith("{") and not is_json(text) else "json"
    lines = _nonblank_lines(text, 50)
    if lines and all(line.startswith('"') and is_json(line.rstrip(",")) for line in lines):
        return "jsonl"
    titled = bool(lines) and sum(map(is_titled, lines)) * 10 >= len(lines) * 8
    if dialect_of(text, name, by_content=not titled):
        return "csv"
    titles = {re.split("[:：]", line, maxsplit=1)[0] for line in lines}
    if len(titles) * 2 <= len({*lines}):  # a dialogue: who speaks comes again and again
        return "poems"
    return "lines" if titled else "poems"


def _nonblank_lines(text: str, count: int) -> list[str]:
    """The first lines that are not blank."""
    lines = (line.strip("\n\ufeff").strip() for line in io.StringIO(text))
    return list(islice(filter(None, lines), count))
