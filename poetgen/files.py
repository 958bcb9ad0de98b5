"""Files: written whole or not at all, whatever happens in between, and JSON that is read within bounds."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import MISSING, fields
from importlib import resources
from pathlib import Path
from typing import IO, Any, Final, TypeVar, cast

from poetgen.errors import SaveError

_T = TypeVar("_T")

#: Stands for standard input where a file is asked for.
STDIN: Final = Path("-")
#: Levels of lists and objects within each other that JSON may have; no file of poems or of poetgen has a tenth of them.
_DEEPEST_JSON: Final = 64


def read_table(room: str, name: str, columns: int) -> list[tuple[str, ...]]:
    """The rows of a table of facts beside the code of a room, each of `columns` fields.

    A .tsv: a row a line, fields parted by tabs; lines that begin with # are remarks. Fields beyond are left out,
    missing ones are empty.

    >>> read_table("prosody", "pingshui.tsv", 2)[:2]
    [('一东', '上平'), ('二冬', '上平')]
    """
    text = resources.files("poetgen").joinpath(room, name).read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return [tuple((row + [""] * columns)[:columns]) for row in rows]


def parse_json(text: str | bytes) -> Any:
    """A JSON value; raises ValueError (json.JSONDecodeError where it is broken) and nothing else.

    Values nested deeper than 64 levels are refused, so that whoever walks through a value may do so recursively: how
    deep json.loads itself goes before it gives up differs from one version of Python to another.

    >>> parse_json('{"title": "静夜思"}')
    {'title': '静夜思'}
    >>> parse_json("[" * 1000 + "]" * 1000)
    Traceback (most recent call last):
    ValueError: nested too deeply
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value]
    for _ in range(_DEEPEST_JSON):
        level = [
            child
            for parent in level
            if isinstance(parent, (list, dict))
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (list, dict))
        ]
        if not level:
            return value
    raise ValueError("nested too deeply")


def read_json(path: Path, most: int = 16 << 20) -> Any:
    """The JSON value of a file of at most `most` bytes; raises OSError or ValueError that says what is wrong."""
    return parse_json(read_bounded(path, most))


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a file; raises OSError, or ValueError where there are more than `most`, or where it is no file.

    A pipe or a device may never end, or never begin.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a file")
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"more than {most >> 20} MB" if most >> 20 else f"more than {most:,} bytes")
    return data


def from_json(cls: type[_T], values: Any, missing: Mapping[str, object] | None = None) -> _T:
    """A dataclass of numbers and texts from a JSON object; raises ValueError that names the field which is wrong.

    Without `missing`, a field that is unknown or lacks, and has no default, is wrong. `missing` has by type what stands
    for a field that lacks, and unknown ones are then left out.
    """
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    found: dict[str, Any] = {}
    unknown = values.keys() - {field.name for field in fields(cast(Any, cls))}
    if unknown and missing is None:
        raise ValueError(f"{min(unknown)}: not known to this version")
    for field in fields(cast(Any, cls)):
        kind = str(field.type)
        if field.name in values:
            found[field.name] = _typed(values[field.name], field.name, kind)
        elif missing is not None:
            found[field.name] = missing[kind]
        elif field.default is MISSING:
            raise ValueError(f"{field.name}: missing")
    return cls(**found)


def _typed(value: Any, name: str, kind: str) -> Any:
    """A value of JSON as a field of a dataclass has it, null for an infinite number; raises ValueError."""
    if kind.startswith("tuple[") and isinstance(value, list):
        return tuple(_typed(part, name, kind.removeprefix("tuple[").removesuffix(", ...]")) for part in value)
    types, what = _JSON_TYPES.get(kind, ((), kind))
    if kind == "float" and value is None:
        return math.inf
    if not isinstance(value, types) or isinstance(value, bool) != (kind == "bool"):
        raise ValueError(f"{name}: not {what}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{name}: a number beyond all bounds")
    return float(value) if isinstance(value, int) and kind == "float" else value


_JSON_TYPES: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "a text"),
    "bool": ((bool,), "true or false"),
}


def to_json(value: Any, indent: int | None = None) -> str:
    r"""A value as JSON, whatever it holds: null for numbers that are not finite, an escape for half a surrogate pair.

    >>> print(to_json({"ppl_char": math.inf, "title": "春\\ud800"}))
    {"ppl_char": null, "title": "春\\ud800"}
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, indent=indent)
    return text.encode("utf-8", "backslashreplace").decode()


def _finite(value: Any) -> Any:
    """A value with None for every number that is not finite."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(part) for key, part in value.items()}
        case list() | tuple():
            return [_finite(part) for part in value]
        case _:
            return value


def lock(file: IO[bytes]) -> bool:
    """Take a file for this process alone, until it is closed; False where another process has it.

    Where a system or a file has no locks (flock), it is as if it had been taken.
    """
    return try_lock(file) is not False


def try_lock(file: IO[bytes] | int, wait: bool = False) -> bool | None:
    """Whether a file or folder could be locked, if need be after a `wait`; None where there are no locks."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


def open_alone(path: Path, wait: bool = False, buffering: int = -1) -> IO[bytes]:
    """Open a file to add to, for this process alone until it is closed; it is made where there is none.

    Raises BlockingIOError where another process has it and this one is not to `wait`, and OSError.
    """
    while True:
        file = path.open("ab", buffering)
        if try_lock(file, wait) is False:
            file.close()
            raise BlockingIOError(errno.EAGAIN, "another process is writing it", str(path))
        opened = os.fstat(file.fileno())
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(opened.st_mode) or os.path.samestat(opened, path.stat()):
                return file
        file.close()  # it was removed or replaced before it could be locked


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file beside `path` for writing bytes and, if all went well, rename it to `path`.

    Of several that write the same path each has a file of its own, and the last to end wins. What a killed one has left
    beside it is removed by the next. Raises SaveError where the folder cannot be written or is full; the old file is
    then untouched.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        temporary, file = _open_beside(path)
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if os.name == "nt":  # which renames no open file
                file.close()
            temporary.replace(path)  # before the file is closed, as the lock tells others that it is in use
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a whole file in one step; raises SaveError."""
    with atomic(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def ensure_writable(*paths: Path) -> None:
    """Raise SaveError, before long work, where its results could not be written; folders that lack are made."""
    for path in paths:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary, file = _open_beside(path)
            file.close()
            temporary.unlink(missing_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        except OSError as error:
            raise unwritable(path, error) from error


def _open_beside(path: Path) -> tuple[Path, IO[bytes]]:
    """A new file beside `path`, locked, with a name that no other writer has."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        with suppress(FileExistsError):
            file = temporary.open("xb")
            # Between the two lines above and below, another writer may take the file for a leftover and remove it.
            if lock(file) and os.fstat(file.fileno()).st_nlink:
                return temporary, file
            file.close()


def _remove_leftovers(path: Path) -> None:
    """Remove what writers of `path` that were killed have left beside it: what no living process has locked."""
    name = re.compile(re.escape(f".{path.name}") + r"(\.[0-9a-f]{8})?\.part")
    for leftover in [entry for entry in path.parent.iterdir() if name.fullmatch(entry.name)]:
        with suppress(OSError), leftover.open("rb") as file:
            if try_lock(file):
                leftover.unlink()


def unwritable(path: Path, error: OSError) -> SaveError:
    """What to raise where a file or folder cannot be written."""
    return SaveError(f"{path}: cannot be written ({error.strerror or error}); free some room, or choose another place")
