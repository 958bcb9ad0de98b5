"""Text: one poem a line, and plain text in passages."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Final

from poetgen.corpus.dynasties import dynasty_of_place
from poetgen.corpus.fields import RecordBuilder, field_names, lines_of_field
from poetgen.corpus.poem import Record

#: Passages of plain text: long enough to learn from, short enough to shuffle.
_PASSAGE: Final = 1000
_LONGEST_PASSAGE: Final = 2000

_TITLED_LINE: Final = re.compile(r"[^:：\n]{1,60}(?:::|：：|[:：])\s*[^\s:：]")
_FIELD_MARK: Final = re.compile("::|：：")
_COLON: Final = re.compile("[:：]")
_SENTENCE_END: Final = re.compile(r"[。！？!?；;.…」』”\"]")


def is_titled(line: str) -> bool:
    """Whether a line reads like a title, a colon and a poem.

    >>> is_titled("静夜思：床前明月光"), is_titled("床前明月光")
    (True, False)
    """
    return _TITLED_LINE.match(line) is not None


def line_records(text: str, name: str) -> Iterator[Record]:
    """One poem a line: `title::author::body`, or `title:body`, or a body alone."""
    builder = RecordBuilder(name, "line")
    for number, line in enumerate(io.StringIO(text), 1):
        line = line.strip().lstrip("\ufeff")
        if not line:
            continue
        builder.number = number - 1
        fields = _FIELD_MARK.split(line, maxsplit=2)
        if len(fields) == 1:
            fields = _COLON.split(line, maxsplit=1)
        poem = {"title": fields[0] if len(fields) > 1 else "", "author": fields[1] if len(fields) > 2 else ""}
        yield builder.record(poem, field_names(("title", "author")), lines_of_field(fields[-1]))


def passage_records(text: str, name: str) -> Iterator[Record]:
    """Plain text, cut at blank lines, else line ends, else sentence ends, into passages of one to two thousand."""
    dynasty_name = dynasty_of_place(name)
    text = text.strip("\ufeff\n")
    start, number = 0, 0
    while start < len(text):
        end = _passage_end(text, start)
        passage = text[start:end]  # its line ends with it: passages in a row give the text back
        if passage.strip():
            number += 1
            yield Record(f"{name}, passage {number}", tuple(passage.split("\n")), dynasty=dynasty_name, verse=False)
        start = end


def _passage_end(text: str, start: int) -> int:
    """Where the passage that begins at `start` ends."""
    latest = start + _LONGEST_PASSAGE
    if len(text) <= latest:
        return len(text)
    earliest = start + _PASSAGE
    for mark in ("\n\n", "\n"):
        at = text.rfind(mark, earliest, latest)
        if at >= 0:
            return at + len(mark)
    ends = [match.end() for match in _SENTENCE_END.finditer(text, earliest, latest)]
    return ends[-1] if ends else latest
