"""Folders whose files belong together: written by one process at a time, and changed as one.

    poet/
      config.json, model.safetensors, …   what counts
      .12ab34cd.next/                     new ones on their way, of no account yet
      .switch/                            the same, complete: they count from now on, and are being moved out

The rename of .next to .switch is the instant of the change. What a killed process has left of the first is removed by
the next that writes; what it has left of the second is moved out by whoever opens the folder next, or read where it
lies by those who may not write. Every process that is at work in one of them holds a lock on it, which dies with it.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from poetgen.errors import PoetgenError, SaveError
from poetgen.files import parse_json, try_lock, unwritable, write_atomic

_T = TypeVar("_T")

#: The folder of new files that count, and in it the names of old ones that count no more.
_SWITCH: Final = ".switch"
_GONE: Final = ".gone"
#: Where a folder itself cannot be locked, a file in it may be.
_LOCK: Final = ".lock"
#: How often a folder is read again because it changed in the middle of reading.
_TRIES: Final = 100


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Have a folder for this process alone, until the end of the block; it is made where there is none.

    Yields whether it could be locked, which some network file systems do not do. A folder that was made and is still
    empty at the end is removed. Raises SaveError where another process has it, or it cannot be written.
    """
    made = not folder.exists()
    try:
        held, locked = _hold(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        if locked is False:
            raise SaveError(
                f"{folder}: another process is writing it; wait for its end, or stop it, or give another --out"
            )
        try:
            settle(folder)
            _remove_leftovers(folder)
            yield locked is True
        finally:
            if made:
                with suppress(OSError):  # it is not empty
                    folder.rmdir()
    finally:
        os.close(held)


def _hold(folder: Path) -> tuple[int, bool | None]:
    """A descriptor that holds the lock of a folder, and what try_lock says."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        held = _open(folder)
        locked = try_lock(held)
        if locked is None:  # as on NFS, where only what is open for writing can be locked
            os.close(held)
            held = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            return held, try_lock(held)
        with suppress(FileNotFoundError):
            if _same(held, folder):
                return held, locked
        os.close(held)  # it was removed before it could be locked


def _open(folder: Path) -> int:
    """A descriptor of a folder; on Windows, which has none, of nothing, which cannot be locked."""
    return os.open(os.devnull if os.name == "nt" else folder, os.O_RDONLY)


# Writing ---------------------------------------------------------------------------------------------------------


@contextmanager
def switching(folder: Path, gone: Collection[str] = ()) -> Iterator[Path]:
    """Give a place for new files of `folder`, all of which take their names there at the end of the block, as one.

    With them those that are `gone` go. After an error all is as it was before. Of several processes each has a place
    of its own, and the last to end wins. Raises SaveError where the folder cannot be written or is full.
    """
    beside: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        beside, held = _make_beside(folder)
        try:
            yield beside
            new = os.listdir(beside)
            _ensure_movable(folder, [*new, *gone])
            write_atomic(beside / _GONE, json.dumps(sorted(set(gone) - set(new))))
            _take_effect(folder, beside)
        finally:
            os.close(held)
    except BaseException as error:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
        if isinstance(error, OSError):
            raise unwritable(folder, error) from error
        if isinstance(error, SaveError) and beside is not None:  # which is about the file that it was to be
            raise SaveError(str(error.args[0]).replace(str(beside), str(folder))) from error
        raise


def _make_beside(folder: Path) -> tuple[Path, int]:
    """A new folder for files on their way, locked."""
    while True:
        beside = folder / _fresh_name()
        with suppress(FileExistsError, FileNotFoundError):  # another writer may take it for a leftover
            beside.mkdir()
            held = _open(beside)
            if try_lock(held) is not False and beside.is_dir():
                return beside, held
            os.close(held)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed writers have left: what no living process has locked."""
    for leftover in folder.glob(".????????.next"):
        with suppress(OSError), _opened(leftover) as found:
            if try_lock(found):
                shutil.rmtree(leftover)


def _ensure_movable(folder: Path, names: Sequence[str]) -> None:
    """Raise SaveError where something bears one of the names that is no file and cannot give way."""
    for name in names:
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            raise SaveError(f"{folder / name}: cannot be written (Is a directory); remove it, or choose another place")


def _take_effect(folder: Path, beside: Path) -> None:
    """Make the files in `beside` count, and move them out."""
    switch = folder / _SWITCH
    while True:
        try:
            beside.rename(switch)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            with suppress(FileNotFoundError), _opened(switch) as held:  # another writer's is not moved out yet
                try_lock(held, wait=True)
                if _same(held, switch):
                    _move_out(folder, switch)
    _move_out(folder, switch)


def _move_out(folder: Path, switch: Path) -> None:
    """Give the files of a switch their names in `folder`. Where there are no locks, two may do it at once."""
    for name in _gone(switch):
        (folder / name).unlink(missing_ok=True)
    _move_files(switch, folder)
    # Before it is taken apart it goes aside: no other switch can take its place while it is not empty.
    aside = folder / _fresh_name()
    with suppress(FileNotFoundError):
        switch.rename(aside)
        _move_files(aside, folder)
        shutil.rmtree(aside)


def _move_files(source: Path, target: Path) -> None:
    for name in sorted(set(os.listdir(source)) - {_GONE}):
        with suppress(FileNotFoundError):
            (source / name).replace(target / name)


def _fresh_name() -> str:
    return f".{secrets.token_hex(4)}.next"


def _gone(switch: Path) -> list[str]:
    """The names that went with a switch; whoever wrote them, none leads out of the folder."""
    try:
        names = parse_json((switch / _GONE).read_bytes())
    except (OSError, ValueError):
        return []
    plain = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return [name for name in plain if name == os.path.basename(name) and name not in ("", ".", "..")]


# Reading ---------------------------------------------------------------------------------------------------------


def read_as_one(folder: Path, names: Sequence[str], read: Callable[[Callable[[str], Path]], _T]) -> _T:
    """What `read` makes of some files of a folder, all of them from before a change, or all from after it.

    It is given a function that says where the file of a name lies, and is called again where one of `names` has changed
    in the meantime.
    """
    settle(folder)
    for _ in range(_TRIES):
        before = _stamps(folder, names)
        try:
            value = read(lambda name: located(folder, name))
        except (PoetgenError, OSError):
            if _stamps(folder, names) == before:
                raise
        else:
            if _stamps(folder, names) == before:
                return value
    raise PoetgenError(f"{folder}: changes all the time; wait until it is written")


def located(folder: Path, name: str) -> Path:
    """Where the file of a name lies, or would lie, that counts in a folder."""
    switch = folder / _SWITCH
    if os.path.exists(switch / name) or name in _gone(switch):
        return switch / name
    return folder / name


def settle(folder: Path) -> None:
    """Move out what a killed process had switched, where that can be done."""
    switch = folder / _SWITCH
    with suppress(OSError), _opened(switch) as held:
        if try_lock(held) is not False and _same(held, switch):
            _move_out(folder, switch)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A descriptor of a folder; raises OSError where it is none, or only a link to one."""
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(folder)
    found = _open(folder)
    try:
        yield found
    finally:
        os.close(found)


def _same(held: int, folder: Path) -> bool:
    """Whether a descriptor is that of the folder which has the name now."""
    return os.name == "nt" or os.path.samestat(os.fstat(held), folder.stat())


def _stamps(folder: Path, names: Sequence[str]) -> list[tuple[int, int, int] | None]:
    """What changes with some files, and where they lie: None for one that is not there."""
    stamps: list[tuple[int, int, int] | None] = []
    for path in (folder / _SWITCH, *(located(folder, name) for name in names)):
        try:
            found = path.stat()
            stamps.append((found.st_ino, found.st_size, found.st_mtime_ns))
        except OSError:
            stamps.append(None)
    return stamps
