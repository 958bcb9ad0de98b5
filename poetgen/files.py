"""Files that are either the old one or the new one, whole, whatever happens in between."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from poetgen.errors import SaveError


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
