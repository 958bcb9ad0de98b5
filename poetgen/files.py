"""Files: written whole or not at all, whatever happens in between, and JSON that is read within bounds."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from poetgen.errors import SaveError

#: Stands for standard input where a file is asked for.
STDIN: Final = Path("-")
#: Levels of lists and objects within each other that JSON may have; no file of poems or of poetgen has a tenth of them.
_DEEPEST_JSON: Final = 64


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


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` for writing bytes and, if all went well, rename it to `path`.

    Raises SaveError where the folder cannot be written or is full; the old file is then untouched.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a whole file in one step; raises SaveError."""
    with atomic(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def ensure_writable(*paths: Path) -> None:
    """Raise SaveError, before long work, where its results could not be written; folders that lack are made."""
    for path in paths:
        temporary = _beside(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.open("wb").close()
            temporary.unlink()
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        except OSError as error:
            raise _unwritable(path, error) from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _unwritable(path: Path, error: OSError) -> SaveError:
    return SaveError(f"{path}: cannot be written ({error.strerror or error}); free some room, or choose another place")
