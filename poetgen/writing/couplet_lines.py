"""Files of lines that are to be answered: one a line, or JSON Lines that may give any option of a couplet.

    海阔凭鱼跃
    书山有路勤为径

    {"first": "海阔凭鱼跃", "banner": true}
    {"second": "学海无涯苦作舟", "seed": 7}

The records that `poetgen couplet --json` writes are such lines too: a file of them asks for the same couplets again.
A line that cannot be read is told with its number and its reason, and does not stop the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from poetgen.corpus.contents import text_of
from poetgen.errors import SourceError, UsageError
from poetgen.files import STDIN, parse_json
from poetgen.writing.couplet import COUPLET_KINDS

#: Bytes of the longest file that is read: some ten million lines.
_MOST: Final = 256 << 20
_NAMES: Final = {
    "上联": "first",
    "下联": "second",
    "上聯": "first",
    "下聯": "second",
    "横批": "banner",
    "橫批": "banner",
}
#: What a record of `poetgen couplet` says about its couplet, besides what was asked for.
_SAID: Final = {"line", "given", "checkpoint", "scores"}


@dataclass(frozen=True)
class AskedLine:
    """A line that is to be answered: its number in the file, its text, its options, and fields that were passed over.

    `error` says why it cannot be read, and is empty where it can.
    """

    number: int
    text: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    error: str = ""


def name_of_input(path: Path) -> str:
    """What a file is called in messages."""
    return "standard input" if path == STDIN else str(path)


def read_couplet_lines(path: Path) -> Iterator[AskedLine]:
    """The lines of a file, or of standard input for "-", without the empty ones. Raises SourceError."""
    name = name_of_input(path)
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(_MOST + 1)
        else:
            with path.open("rb") as file:
                data = file.read(_MOST + 1)
    except OSError as error:
        raise SourceError(f"--input {name}: cannot be read ({error.strerror or error})") from error
    if len(data) > _MOST:
        raise SourceError(f"--input {name}: more than {_MOST >> 20} MB; give it in parts")
    rows = [(number, row.strip()) for number, row in enumerate(text_of(data, name).splitlines(), 1) if row.strip()]
    if not rows:
        raise SourceError(f"--input {name}: no lines in it; give one a line, or JSON Lines")
    return (_asked(number, row) for number, row in rows)


def _asked(number: int, row: str) -> AskedLine:
    if row.startswith("["):
        return AskedLine(number, error='a JSON list; give one object a line, such as {"first": "海阔凭鱼跃"}')
    if not row.startswith("{"):
        return AskedLine(number, row)
    try:
        return _of_record(number, parse_json(row))
    except (ValueError, UsageError) as error:
        return AskedLine(number, error=str(error))


def _of_record(number: int, record: dict[str, Any]) -> AskedLine:
    """What a record asks for; raises UsageError where it is of no use.

    >>> _of_record(1, {"second": "学海无涯苦作舟", "seed": 7})
    AskedLine(number=1, text='学海无涯苦作舟', options={'seed': 7, 'reverse': True}, ignored=(), error='')
    """
    fields = {_NAMES.get(name, name): value for name, value in record.items() if value is not None}
    lines = {name: fields.pop(name) for name in ("first", "second") if name in fields}
    if len(lines) == 2 and fields.get("given") in lines:  # a record of our own
        lines = {fields["given"]: lines[fields["given"]]}
    if len(lines) != 1:
        raise UsageError(f'{"both lines" if lines else "no line"} in it; give {{"first": …}} or {{"second": …}}')
    (which, text), *_ = lines.items()
    if not isinstance(text, str):
        raise UsageError(f"{which} must be text")
    options = {name: value for name, value in fields.items() if name in COUPLET_KINDS}
    if isinstance(banner := options.get("banner"), str):  # of a record
        options["banner"] = bool(banner)
    options["reverse"] = which == "second"
    return AskedLine(number, text, options, tuple(sorted(fields.keys() - COUPLET_KINDS.keys() - _SAID)))
