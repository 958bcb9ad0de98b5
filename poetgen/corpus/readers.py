"""Readers: from the bytes of a document to records, whatever the format.

The format is told by content, for people name files as they like. A record is what the source says, uncleaned; only
the names of fields and dynasties are brought together here.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from poetgen.corpus.dynasties import dynasty, dynasty_of_place
from poetgen.corpus.encoding import decode
from poetgen.corpus.poem import Record
from poetgen.corpus.sources import Document
from poetgen.errors import SourceError
from poetgen.prosody.tune_names import tune_names

FORMATS: Final = ("auto", "json", "jsonl", "csv", "lines", "text")

#: Names of fields, in order of preference; the first that is there counts.
_BODY: Final = tuple("paragraphs para content contents body text poem lines 内容 正文 诗文 詩文".split())
_TITLE: Final = tuple("title name 题目 题 标题 诗题 诗名 題目 題 標題 詩題 詩名 chapter".split())
_AUTHOR: Final = tuple("author poet writer 作者 诗人 詩人".split())
_DYNASTY: Final = tuple("dynasty era 朝代 时代 時代".split())
_TUNE: Final = tuple("rhythmic tune cipai 词牌 詞牌".split())
_DESCRIPTION: Final = tuple("desc description short_description biography 简介 簡介".split())

#: Passages of plain text: long enough to learn from, short enough to shuffle.
_PASSAGE: Final = 1000
_LONGEST_PASSAGE: Final = 2000

_TITLED_LINE: Final = re.compile(r"[^:：\n]{1,60}(?:::|：：|[:：])\s*[^\s:：]")
_FIELD_MARK: Final = re.compile("::|：：")
_COLON: Final = re.compile("[:：]")
_JSON_START: Final = re.compile(r"\s*\[\s*[\[{\"\]]")
_SENTENCE_END: Final = re.compile(r"[。！？!?；;.…」』”\"]")


def read(document: Document, format: str = "auto", *, passed_over: Counter[str] | None = None) -> Iterator[Record]:
    """The records of a document, in its order.

    What is no poem (a biography, a preface, a list of settings) is passed over and counted by kind in `passed_over`,
    and so is a bystander that is no text.

    Raises SourceError, naming the document and the line, for a broken one.
    """
    if format not in FORMATS:
        raise ValueError(f"format is one of {', '.join(FORMATS)}, not {format!r}")
    counts: Counter[str] = Counter() if passed_over is None else passed_over
    data = document.read()
    try:
        text = decode(data, document.name)
    except SourceError:
        if document.asked:
            raise
        counts["not text"] += 1
        return
    del data
    if format == "auto":
        format = _sniff(text)
    match format:
        case "json":
            yield from _json(text, document.name, counts)
        case "jsonl":
            yield from _json_lines(text, document.name, counts)
        case "csv":
            yield from _csv(text, document.name)
        case "lines":
            yield from _lines(text, document.name)
        case _:
            yield from _passages(text, document.name)


def _sniff(text: str) -> str:
    """The format of a text, by its first lines."""
    if _JSON_START.match(text):
        return "json"
    if text[:1000].lstrip()[:1] == "{":
        lines = _nonblank(text, 2)
        try:
            json.loads(lines[0][1])
        except (ValueError, RecursionError):
            # A first line that is cut off, yet of the shape of a record, is a broken JSON Lines file, unless the lines
            # make one object together.
            return "jsonl" if len(lines) > 1 and lines[1][1].startswith("{") and not _is_json(text) else "json"
        return "jsonl" if len(lines) > 1 else "json"
    lines = _nonblank(text, 50)
    if lines and _header(lines[0][1]):
        return "csv"
    titled = sum(1 for _, line in lines if _TITLED_LINE.match(line))
    return "lines" if lines and titled * 10 >= len(lines) * 8 else "text"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _nonblank(text: str, count: int | None = None) -> list[tuple[int, str]]:
    """The first lines that are not blank, with their numbers."""
    found = []
    for number, line in enumerate(io.StringIO(text), 1):
        if stripped := line.strip("\n\ufeff"):
            if stripped.strip():
                found.append((number, stripped.strip()))
                if len(found) == count:
                    break
    return found


# ---- JSON


def _json(text: str, name: str, counts: Counter[str]) -> Iterator[Record]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(name, error.lineno, error) from error
    except ValueError as error:  # a number of thousands of digits
        raise SourceError(f"{name}: JSON that cannot be read ({error}).") from error
    except RecursionError as error:
        raise SourceError(f"{name}: JSON nested too deeply to be poems.") from error
    place = _Place(name)
    found = False
    for record in _walk(value, place, {}, counts):
        found = True
        yield record
    if not found and not place.recognised:
        counts["JSON without poems"] += 1


def _json_lines(text: str, name: str, counts: Counter[str]) -> Iterator[Record]:
    place = _Place(name, "line")
    for number, line in enumerate(io.StringIO(text), 1):
        line = line.strip().lstrip("\ufeff")
        if not line:
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise _broken(name, number, error) from error
        except ValueError as error:  # a number of thousands of digits
            raise SourceError(f"{name}, line {number}: JSON that cannot be read ({error}).") from error
        except RecursionError as error:
            raise SourceError(f"{name}, line {number}: JSON nested too deeply to be a poem.") from error
        place.number = number - 1
        before, found = counts.total(), False
        for record in _walk(value, place, {}, counts):
            found = True
            yield record
        if not found and counts.total() == before:
            counts["line without a poem"] += 1


def _broken(name: str, line: int, error: json.JSONDecodeError) -> SourceError:
    return SourceError(f"{name}, line {line}: broken JSON ({error.msg}). Mend it, or take it out.")


class _Place:
    """Where a walk through a document stands, for the origin of its records."""

    def __init__(self, name: str, unit: str = "record") -> None:
        self.name = name
        self.unit = unit
        self.number = 0
        self.recognised = False
        self.dynasty = dynasty_of_place(name)
        self.author = "曹操" if "曹操" in name else ""
        # Titles of Tang 乐府 and of 元曲 may begin like a tune of 词 without being one.
        self.may_name_tunes = not re.search("全唐诗|全唐詩|元曲", name)


def _walk(value: Any, place: _Place, above: Mapping[str, Any], counts: Counter[str]) -> Iterator[Record]:
    """The poems within a JSON value; what a collection says of itself holds for its poems."""
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, place, above, counts)
        return
    if not isinstance(value, dict):
        return
    fields = _fields(tuple(value))
    body: Any = next((value[key] for key in fields.body if value[key]), [] if fields.body else None)
    if isinstance(body, str):
        yield _record(value, fields, above, _split(body), place)
    elif isinstance(body, list) and {*map(type, body)} <= {str}:
        if _is_preface(value):
            place.recognised = True
            counts["preface"] += 1
        else:
            yield _record(value, fields, above, tuple(body), place)
    elif isinstance(body, (list, dict)):
        yield from _walk(body, place, {**above, **{k: v for k, v in value.items() if isinstance(v, str)}}, counts)
    elif any(key in value for key in _DESCRIPTION):
        place.recognised = True
        counts["biography" if "name" in value else "introduction"] += 1


class _Fields(NamedTuple):
    """The names, in order of preference, under which records of one shape hold what a poem has."""

    body: tuple[str, ...]
    title: tuple[str, ...]
    author: tuple[str, ...]
    dynasty: tuple[str, ...]
    tune: tuple[str, ...]


@lru_cache(maxsize=1024)
def _fields(keys: tuple[str, ...]) -> _Fields:
    return _Fields(*(tuple(n for n in names if n in keys) for names in (_BODY, _TITLE, _AUTHOR, _DYNASTY, _TUNE)))


def _is_preface(value: Mapping[str, Any]) -> bool:
    """Whether an entry stands for its whole collection: its title is no tune, yet stands in the tune's place."""
    title = value.get("title")
    return isinstance(title, str) and title == value.get("rhythmic") and title.endswith(("集", "词", "序"))


def _split(body: str) -> tuple[str, ...]:
    return tuple(body.replace("|", "\n").split("\n"))


def _field(value: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        found = value[name]
        if isinstance(found, str) and (found := found.strip()):
            return found
    return ""


def _record(
    value: Mapping[str, Any], fields: _Fields, above: Mapping[str, Any], lines: tuple[str, ...], place: _Place
) -> Record:
    place.number += 1
    title, author = _field(value, fields.title), _field(value, fields.author)
    era, tune = _field(value, fields.dynasty), _field(value, fields.tune)
    if above:
        outer = _fields(tuple(above))
        title, author = title or _field(above, outer.title), author or _field(above, outer.author)
        era, tune = era or _field(above, outer.dynasty), tune or _field(above, outer.tune)
    if tune:
        # 「十二时・忆少年」: the name at the head of the poem, then the name that the tune is listed under.
        alias, _, listed = tune.partition("・")
        title = title or alias
        tune = listed or alias
    elif place.may_name_tunes:
        tune = _tune_of_title(title)
    return Record(
        f"{place.name}, {place.unit} {place.number}",
        lines,
        title=title,
        author=author or place.author,
        dynasty=dynasty(era) or place.dynasty,
        tune=tune,
    )


def _tune_of_title(title: str) -> str:
    """The tune that a title names before a point: 「长相思·山一程」 is sung to 长相思.

    A bare 「长相思」 may as well be a poem of that name, so that only the point makes it a tune.
    """
    name, point, _ = title.replace("・", "·").replace("•", "·").partition("·")
    name = name.strip()
    return name if point and name in tune_names() else ""


# ---- tables and lines


def _header(line: str) -> str:
    """The delimiter of a header row that names a column of poems, or ""."""
    for delimiter in ("\t", ",", ";"):
        if delimiter in line and any(cell in _BODY for cell in _cells(line, delimiter)):
            return delimiter
    return "," if line.strip().strip('"').lower() in _BODY else ""


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"').strip().lower() for cell in line.split(delimiter)]


#: What may stand before a header.
_BLANK_LINES = re.compile(r"\A(?:\ufeff|[^\S\n]*\n)+")


def _csv(text: str, name: str) -> Iterator[Record]:
    first = _nonblank(text, 1)
    delimiter = _header(first[0][1]) if first else ""
    if not delimiter:
        raise SourceError(f"{name}, line 1: no header names the column of poems. Call it content or paragraphs.")
    if csv.field_size_limit() < len(text):
        csv.field_size_limit(len(text))
    text = _BLANK_LINES.sub("", text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    place = _Place(name, "row")
    try:
        header = [cell.strip().lower() for cell in next(rows)]
        for row in rows:
            if any(cell.strip() for cell in row[len(header) :]):
                raise SourceError(
                    f"{name}, line {rows.line_num}: {len(row)} cells, where the header has {len(header)}. Put quotes "
                    f"around a cell that holds {delimiter!r}."
                )
            value = dict(zip(header, row, strict=False))
            fields = _fields(tuple(value))
            if any(cell.strip() for cell in row):
                yield _record(value, fields, {}, _split(_field(value, fields.body)), place)
    except csv.Error as error:
        raise SourceError(f"{name}, line {rows.line_num}: broken CSV ({error}). Mend or remove the file.") from error


def _lines(text: str, name: str) -> Iterator[Record]:
    """One poem a line: `title::author::body`, or `title:body`, or a body alone."""
    place = _Place(name, "line")
    for number, line in enumerate(io.StringIO(text), 1):
        line = line.strip().lstrip("\ufeff")
        if not line:
            continue
        place.number = number - 1
        fields = _FIELD_MARK.split(line, maxsplit=2)
        if len(fields) == 1:
            fields = _COLON.split(line, maxsplit=1)
        value = {"title": fields[0] if len(fields) > 1 else "", "author": fields[1] if len(fields) > 2 else ""}
        yield _record(value, _fields(("title", "author")), {}, _split(fields[-1]), place)


def _passages(text: str, name: str) -> Iterator[Record]:
    """Plain text, cut at blank lines, else line ends, else sentence ends, into passages of one to two thousand."""
    dynasty_name = dynasty_of_place(name)
    text = text.strip("\ufeff\n")
    start, number = 0, 0
    while start < len(text):
        end = _cut(text, start)
        passage = text[start:end]  # its line ends with it: passages in a row give the text back
        if passage.strip():
            number += 1
            yield Record(f"{name}, passage {number}", tuple(passage.split("\n")), dynasty=dynasty_name, verse=False)
        start = end


def _cut(text: str, start: int) -> int:
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
