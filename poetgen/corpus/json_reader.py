"""JSON and JSON Lines: records, lists of them, and collections of any depth, as in every folder of chinese-poetry."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from poetgen.corpus.fields import RecordBuilder, field_names, lines_of_field
from poetgen.corpus.poem import Record
from poetgen.errors import SourceError
from poetgen.files import parse_json

_DESCRIPTION_NAMES: Final = tuple("desc description short_description biography 简介 簡介".split())


def json_records(text: str, name: str, passed_over: Counter[str]) -> Iterator[Record]:
    """The poems of a JSON document."""
    try:
        value = parse_json(text)
    except ValueError as error:
        raise _unreadable(name, 0, error) from error
    builder, before = RecordBuilder(name), passed_over.total()
    yield from _walk(value, builder, {}, passed_over)
    if not builder.number and passed_over.total() == before:
        passed_over["JSON without poems"] += 1


def json_line_records(text: str, name: str, passed_over: Counter[str]) -> Iterator[Record]:
    """The poems of a document with a JSON value on each line."""
    builder = RecordBuilder(name, "line")
    for number, line in enumerate(io.StringIO(text), 1):
        line = line.strip().lstrip("\ufeff")
        if not line:
            continue
        try:
            value = parse_json(line)
        except ValueError as error:
            raise _unreadable(name, number, error) from error
        builder.number = number - 1
        before = passed_over.total()
        yield from _walk(value, builder, {}, passed_over)
        if builder.number < number and passed_over.total() == before:
            passed_over["line without a poem"] += 1


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
        return SourceError(f"{name}, line {line or error.lineno}: broken JSON ({error.msg}). Mend it, or take it out.")
    # Nested too deeply, or a number of thousands of digits.
    return SourceError(f"{name}{f', line {line}' if line else ''}: JSON that cannot be read ({error}).")


def _walk(
    value: Any, builder: RecordBuilder, collection: Mapping[str, str], passed_over: Counter[str]
) -> Iterator[Record]:
    """The poems within a JSON value; what a collection says of itself holds for its poems."""
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, builder, collection, passed_over)
        return
    if not isinstance(value, dict):
        return
    names = field_names(tuple(value))
    body: Any = next((value[key] for key in names.body if value[key]), [] if names.body else None)
    if isinstance(body, str):
        yield builder.record(value, names, lines_of_field(body), collection)
    elif isinstance(body, list) and {*map(type, body)} <= {str}:
        if _is_preface(value):
            passed_over["preface"] += 1
        else:
            yield builder.record(value, names, tuple(body), collection)
    elif isinstance(body, (list, dict)):
        inner = {key: text for key, text in value.items() if isinstance(text, str)}
        yield from _walk(body, builder, {**collection, **inner}, passed_over)
    elif any(key in value for key in _DESCRIPTION_NAMES):
        passed_over["biography" if "name" in value else "introduction"] += 1


def _is_preface(value: Mapping[str, Any]) -> bool:
    """Whether an entry stands for its whole collection: its title is no tune, yet stands in the tune's place."""
    title = value.get("title")
    return isinstance(title, str) and title == value.get("rhythmic") and title.endswith(("集", "词", "序"))
