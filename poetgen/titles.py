"""Files of titles, one a line, or JSON Lines whose records may give any option of a poem.

    静夜思
    春夜喜雨

    {"title": "静夜思", "form": "五绝", "seed": 7}
    {"title": "春夜喜雨", "keywords": ["江船", "花"], "temperature": 0.6}

The records that `poetgen sample --json` writes are such lines too: a file of them asks for the same poems again.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetgen.corpus.encoding import decode
from poetgen.errors import SourceError, UsageError

if TYPE_CHECKING:
    from poetgen.poet import Options

STDIN = Path("-")

_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "title": ("text", (str,)),
    "form": ("text", (str,)),
    "dynasty": ("text", (str,)),
    "author": ("text", (str,)),
    "length": ("a whole number", (int,)),
    "top_k": ("a whole number", (int,)),
    "top_p": ("a number", (int, float)),
    "temperature": ("a number", (int, float)),
    "seed": ("a whole number", (int,)),
}


@dataclass(frozen=True)
class Line:
    """What a line asks for, and where it stands (``titles.txt:3``)."""

    origin: str
    title: str
    options: Options


def read_titles(path: Path) -> tuple[list[Line], list[str]]:
    """The lines of a file, or of standard input for "-", and the names of the fields that were passed over.

    Raises SourceError that names file and line.
    """
    name = "standard input" if path == STDIN else str(path)
    try:
        data = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except OSError as error:
        raise SourceError(f"--input {name}: cannot be read ({error.strerror or error})") from error
    rows = [(number, row.strip()) for number, row in enumerate(decode(data, name).split("\n"), start=1)]
    rows = [(number, row) for number, row in rows if row]
    if not rows:
        raise SourceError(f"--input {name}: no titles in it; give one a line, or JSON Lines")
    if not rows[0][1].startswith("{"):
        return [Line(f"{name}:{number}", row, {}) for number, row in rows], []
    lines, ignored = [], dict[str, None]()
    for number, row in rows:
        try:
            fields = _fields(json.loads(row))
        except (ValueError, UsageError) as error:
            raise SourceError(f"{name}:{number}: {error}") from error
        known = {key: value for key, value in fields.items() if key in _KINDS or key == "keywords"}
        ignored.update(dict.fromkeys(fields.keys() - known.keys() - _OF_RECORDS))
        lines.append(Line(f"{name}:{number}", known.pop("title", ""), _checked(known)))
    return lines, sorted(ignored)


#: What a record of `poetgen sample` says about the poem, besides what was asked for.
_OF_RECORDS = {"text", "lines", "number", "checkpoint", "scores"}


def _fields(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise UsageError('give a JSON object on each line, such as {"title": "静夜思"}')
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
