"""JSON and JSON Lines: records, lists of them, and collections of any depth, as in every folder of chinese-poetry.

Other shapes that people have: lists of poems as text, {title: poem}, lists of lists, records in columns, requests and
their answers (answers.py), and records whose fields have names that say nothing (columns.py).
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

from poetgen.corpus.answers import answer_of, is_conversation, turns_of
from poetgen.corpus.columns import ColumnsUnclear, is_name, layout_of
from poetgen.corpus.dynasties import dynasty
from poetgen.corpus.fields import (
    FieldNames,
    RecordBuilder,
    couplet,
    first_text,
    lines_of_field,
    names_of_role,
    role_of,
)
from poetgen.corpus.poem import Record
from poetgen.corpus.table_reader import record_of_row
from poetgen.errors import SourceError
from poetgen.files import parse_json
from poetgen.language import Phrase
from poetgen.prosody.forms import recognise
from poetgen.text import clauses, is_han

_DESCRIPTION_NAMES: Final = tuple("desc description short_description biography 简介 簡介".split())
#: Records by which it is told what fields with unknown names hold.
_SAMPLE: Final = 50
#: Lines that make one poem, where a list holds nothing but lines; more are poems.
_LINES_OF_A_POEM: Final = 16


def json_records(text: str, builder: RecordBuilder, passed_over: Counter[str]) -> Iterator[Record]:
    """The poems of a JSON document."""
    try:
        value = parse_json(text)
    except ValueError as error:
        raise _unreadable(builder.name, 0, error) from error
    before = passed_over.total()
    yield from _walk(value, builder, {}, passed_over)
    if not builder.number and passed_over.total() == before:
        passed_over["JSON without poems"] += 1


def json_line_records(text: str, builder: RecordBuilder, passed_over: Counter[str]) -> Iterator[Record]:
    """The poems of a document with a JSON value on each line."""
    values = _values_of_lines(text, builder.name)
    first = list(islice(values, _SAMPLE))
    if first and isinstance(first[0][1], list) and not is_conversation(first[0][1]):
        yield from _walk([value for _, value in chain(first, values)], builder, {}, passed_over)
        return
    _learn([value for _, value in first], builder)
    for number, value in chain(first, values):
        builder.number = number - 1
        before = passed_over.total()
        if isinstance(value, str):
            yield builder.record({}, FieldNames(), lines_of_field(value))
        else:
            yield from _walk(value, builder, {}, passed_over)
        if builder.number < number and passed_over.total() == before:
            passed_over["line without a poem"] += 1


def _values_of_lines(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """The values of JSON Lines with the numbers of their lines; raises SourceError for a broken one."""
    for number, line in enumerate(io.StringIO(text), 1):
        line = line.strip().lstrip("\ufeff")
        if not line:
            continue
        try:
            yield number, parse_json(line.removesuffix(",") if line[0] == '"' else line)
        except ValueError as error:
            raise _unreadable(name, number, error) from error


def is_json(text: str) -> bool:
    """Whether a text is a JSON value."""
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def _unreadable(name: str, line: int, error: ValueError) -> SourceError:
    """The error for JSON that cannot be read; `line` is 0 where the whole document is one value."""
    if isinstance(error, json.JSONDecodeError):
        return SourceError(
            Phrase(
                "{file}, line {line}: broken JSON ({error}). Mend it, or take it out.",
                file=name,
                line=line or error.lineno,
                error=error.msg,
            )
        )
    # Nested too deeply, or a number of thousands of digits.
    return SourceError(
        Phrase("{file}, line {line}: JSON that cannot be read ({error}).", file=name, line=line, error=str(error))
        if line
        else Phrase("{file}: JSON that cannot be read ({error}).", file=name, error=str(error))
    )


def _walk(
    value: Any, builder: RecordBuilder, collection: Mapping[str, str], passed_over: Counter[str]
) -> Iterator[Record]:
    """The poems within a JSON value; what a collection says of itself holds for its poems."""
    if isinstance(value, list):
        yield from _walk_list(value, builder, collection, passed_over)
        return
    if not isinstance(value, dict):
        return
    keys = tuple(value)
    names = builder.names(keys)
    body: Any = next((value[key] for key in names.body if value[key]), [] if names.body else None)
    if isinstance(body, str):
        yield _record(value, keys, names, body, builder, collection)
    elif (rows := _rows_of_columns(value, names, body)) is not None:
        for row in rows:
            yield builder.record(row, names, lines_of_field(first_text(row, names.body)), collection)
    elif isinstance(body, list) and {*map(type, body)} <= {str}:
        if _is_preface(value):
            passed_over["preface"] += 1
        else:
            yield builder.record(value, names, tuple(body), collection)
    elif _is_of_texts(body) and first_text(value, names.title):
        stanzas = [line for stanza in body for line in (*stanza, "")]
        yield builder.record(value, names, tuple(stanzas[:-1]), collection)
    elif first_text(value, names.title) and (lines := _lines_of_objects(body, builder)):
        yield builder.record(value, names, lines, collection)
    elif isinstance(body, (list, dict)):
        inner = {key: text for key, text in value.items() if isinstance(text, str)}
        yield from _walk(body, builder, {**collection, **inner}, passed_over)
    elif any(key in value for key in _DESCRIPTION_NAMES):
        passed_over["biography" if "name" in value else "introduction"] += 1
    else:
        yield from _walk_unnamed(value, keys, builder, collection, passed_over)


def _record(
    value: Mapping[str, Any],
    keys: tuple[str, ...],
    names: FieldNames,
    body: str,
    builder: RecordBuilder,
    collection: Mapping[str, str],
) -> Record:
    """The record of an object whose verse is one text."""
    prompts = names_of_role(keys, "prompt")
    if not prompts:
        return builder.record(value, names, lines_of_field(body), collection)
    answer = answer_of([value[key] for key in prompts if isinstance(value[key], str)], body)
    told = {
        "title": first_text(value, names.title) or answer.title,
        "author": first_text(value, names.author) or answer.author,
    }
    return builder.record(
        {**value, **told}, names._replace(title=("title",), author=("author",)), answer.lines, collection
    )


def _walk_list(
    value: list[Any], builder: RecordBuilder, collection: Mapping[str, str], passed_over: Counter[str]
) -> Iterator[Record]:
    first = value[0] if value else None
    if isinstance(first, str) and {*map(type, value)} == {str}:
        if len(value) > _LINES_OF_A_POEM or sum(map(_is_poem, value)) * 2 > len(value):
            for text in value:
                yield builder.record({}, FieldNames(), lines_of_field(text), collection)
        elif _is_verse("\n".join(value)):
            yield builder.record({}, FieldNames(), tuple(value), collection)
    elif is_conversation(value):
        for asked, text in turns_of(value):
            answer = answer_of([asked], text)
            yield builder.record(answer._asdict(), _OF_ANSWERS, answer.lines, collection)
    elif isinstance(first, list):
        yield from _walk_rows(value, builder, collection, passed_over)
    else:
        _learn(value[:_SAMPLE], builder)
        for item in value:
            yield from _walk(item, builder, collection, passed_over)


_OF_ANSWERS: Final = FieldNames(title=("title",), author=("author",))


def _walk_rows(
    value: list[Any], builder: RecordBuilder, collection: Mapping[str, str], passed_over: Counter[str]
) -> Iterator[Record]:
    """The poems of a list of lists: rows of a table, else the lines of a poem each."""
    rows = [[_text(cell) for cell in row] for row in value if isinstance(row, list) and row]
    try:
        widths = {*map(len, rows)}
        if len(widths) != 1 or widths == {1} or len(rows) != len(value):
            raise ColumnsUnclear
        layout = layout_of(rows, builder.columns)
    except ColumnsUnclear:
        for item in value:
            yield from _walk(item, builder, collection, passed_over)
        return
    if layout.told:
        builder.say(layout.told)
    for row in rows[layout.header :]:
        yield record_of_row(row, layout, builder)


def _walk_unnamed(
    value: Mapping[str, Any],
    keys: tuple[str, ...],
    builder: RecordBuilder,
    collection: Mapping[str, str],
    passed_over: Counter[str],
) -> Iterator[Record]:
    """The poems of an object none of whose fields is called a poem: a couplet, {title: poem}, a collection by name."""
    upper, lower = (first_text(value, names_of_role(keys, role)) for role in ("upper", "lower"))
    if upper and lower:
        yield builder.record(value, builder.names(keys), couplet(upper, lower), collection)
        return
    unknown = [key for key in keys if not role_of(key)]
    texts = [_text(value[key]) for key in keys]
    if unknown and len(unknown) == len(keys) and sum(map(_is_verse, texts)) * 10 >= len(texts) * 6:
        builder.say(Phrase("verse by title"))
        for key in keys:
            yield from _walk_entry(key, value[key], builder, collection, passed_over)
        return
    for key in unknown:
        if isinstance(value[key], dict) or (isinstance(value[key], list) and not _is_of_text(value[key])):
            named = {"author": key} if is_name(key) else {"dynasty": key} if dynasty(key) else {}
            yield from _walk(value[key], builder, {**collection, **named}, passed_over)


def _walk_entry(
    key: str, value: Any, builder: RecordBuilder, collection: Mapping[str, str], passed_over: Counter[str]
) -> Iterator[Record]:
    """What stands under a title, or under the name of an author."""
    if _is_of_text(value) and sum(map(_is_poem, value)) * 2 > len(value):
        named = {"author": key} if is_name(key) else {}
        yield from _walk(value, builder, {**collection, **named}, passed_over)
    elif isinstance(value, str):
        yield builder.record({"title": key}, FieldNames(title=("title",)), lines_of_field(value), collection)
    elif _is_of_text(value):
        yield builder.record({"title": key}, FieldNames(title=("title",)), tuple(value), collection)
    else:
        yield from _walk(value, builder, collection, passed_over)


def _learn(values: Sequence[Any], builder: RecordBuilder) -> None:
    """Learn by what they hold which fields of records stand for what, where their names do not say."""
    first = values[0] if values else None
    if not isinstance(first, dict) or any(key in first for key in _DESCRIPTION_NAMES):
        return
    keys = tuple(first)
    if builder.names(keys).body or any(map(_holds_more, first.values())):
        return
    rows = [[_text(value[key]) for key in keys] for value in values if isinstance(value, dict) and tuple(value) == keys]
    if len(rows) * 2 <= len(values):
        return
    try:
        layout = layout_of([list(keys), *rows], builder.columns, header=True)
    except ColumnsUnclear:
        return
    if not layout.couplet:
        builder.learn(keys, FieldNames(*(tuple(keys[int(place)] for place in places) for places in layout.names)))


def _rows_of_columns(value: Mapping[str, Any], names: FieldNames, body: Any) -> list[dict[str, Any]] | None:
    """The records of an object that holds them by columns, {"title": [...], "content": [...]}; None for another."""
    if not isinstance(body, (list, dict)) or not names.title:
        return None
    titles = value[names.title[0]]
    if type(titles) is not type(body) or len(titles) != len(body):
        return None
    columns = {key: column for key, column in value.items() if type(column) is type(body) and len(column) == len(body)}
    places = body if isinstance(body, dict) else range(len(body))
    rows = [
        {
            key: _text(column[place])
            for key, column in columns.items()
            if not isinstance(column, dict) or place in column
        }
        for place in places
    ]
    return [{**dict.fromkeys((*chain(*names),), ""), **row} for row in rows]


def _lines_of_objects(body: Any, builder: RecordBuilder) -> tuple[str, ...]:
    """The lines of a poem that holds an object for each, [{"text": "床前明月光，"}, …]; empty for another list."""
    lines = []
    for item in body if isinstance(body, list) else ():
        names = builder.names(tuple(item)) if isinstance(item, dict) else FieldNames()
        line = first_text(item, names.body) if names.body else ""
        if not line or names.title or _is_poem(line):
            return ()
        lines.append(line)
    return tuple(lines)


def _text(value: Any) -> str:
    """A value as the text of a cell: lines of a list one below the other."""
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return value if isinstance(value, str) else "" if value is None or isinstance(value, dict) else str(value)


def _is_of_text(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and {*map(type, value)} == {str}


def _is_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_of_text, value))


def _holds_more(value: Any) -> bool:
    """Whether a value may hold records of its own."""
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and not _is_of_text(value))


def _is_verse(text: str) -> bool:
    """Whether a text reads as verse, of any length."""
    if sum(map(is_han, text)) >= 8:
        return recognise(clauses(text.strip())) != "散文" or _is_poem(text)
    return sum(map(str.isalpha, text)) >= 30 and "\n" in text


def _is_poem(text: str) -> bool:
    """Whether a text is likely a poem of its own, and no line of one."""
    parts = clauses(text.strip())
    if sum(map(is_han, text)) * 2 > len(text):
        return len(parts) >= 4
    return "\n" in text.strip() or sum(map(str.isalpha, text)) >= 80


def _is_preface(value: Mapping[str, Any]) -> bool:
    """Whether an entry stands for its whole collection: its title is no tune, yet stands in the tune's place."""
    title = value.get("title")
    return isinstance(title, str) and title == value.get("rhythmic") and title.endswith(("集", "词", "序"))
