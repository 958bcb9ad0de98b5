"""Files that are either the old one or the new one, whole, whatever happens in between."""

from __future__ import annotations

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
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        reason = error.strerror or error
        raise SaveError(f"{path}: cannot be written ({reason}); free some room, or choose another place") from error
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a whole file in one step; raises SaveError."""
    with atomic(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)
