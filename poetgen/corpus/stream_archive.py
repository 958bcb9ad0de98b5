""".gz, .bz2, .xz and .zst files, .tar archives, and .tar archives packed by these, read in place.

Such a file is a stream: to know what it holds it is unpacked once, to nowhere, within the bounds that .zip archives are
held to. A member is a stretch of the unpacked stream, and members keep the order of the archive, so that reading them
all is going through the stream once again.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import importlib
import lzma
import os
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

from poetgen.corpus.members import MAX_RATIO, RATIO_MATTERS, Member, cannot_read, is_wanted
from poetgen.errors import SourceError
from poetgen.language import Phrase

_CHUNK: Final = 1 << 20
_TAR: Final = "tar"
_MARKS: Final = ((b"\x1f\x8b", "gz"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zst"))
_BROKEN: Final = (EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, ValueError)


def packing_of(head: bytes) -> str:
    """How a file that begins with these 512 bytes is packed: "gz", "bz2", "xz", "zst", "tar", or "".

    >>> packing_of(gzip.compress(b"a")), packing_of(b"BZh, a poem")
    ('gz', '')
    """
    for mark, packing in _MARKS:
        if head.startswith(mark) and (packing != "bz2" or head[4:10] in (b"1AY&SY", b"\x17rE8P\x90")):
            return packing
    return _TAR if _is_tar(head) else ""


def can_unpack(packing: str) -> bool:
    """Whether there is a library for a packing: zstd is a part of Python from 3.14 on, and else of backports.zstd."""
    return packing != "zst" or _zstd() is not None


def stream_members(path: Path, name: str, packing: str, counts: Counter[str], limit: int) -> list[Member]:
    """What a packed file holds: itself, or the members of the .tar that it is, those that may be a corpus.

    Others are counted by kind in `counts`. Raises SourceError for what is damaged, expands to more than `limit` bytes,
    or was made to do harm.
    """
    try:
        with _open(path, packing) as file:
            head = file.read(tarfile.BLOCKSIZE)
        with _open(path, packing) as file:
            stream = _Measured(file, path, limit, packed=packing != _TAR)
            if _is_tar(head):
                return list(_tar_members(stream, path, name, counts))
            while stream.read(_CHUNK):
                pass
            return [Member(name, stream.size, 0)]
    except _BROKEN as error:
        raise SourceError(
            Phrase("{file}: damaged, or cut short ({error}). Download it again.", file=path, error=str(error))
        ) from error
    except OSError as error:
        raise SourceError(_unreadable_stream(str(path), error)) from error


def read_stream_member(path: Path, packing: str, member: Member) -> bytes:
    """The bytes of a member; raises SourceError where the file has changed or is damaged."""
    try:
        if member.place == 0 or packing == _TAR:
            with _open(path, packing) as file:
                file.seek(member.place)
                data = file.read(member.size)
        else:
            status = path.stat()
            # Processes must not share an open file: they would move each other's place in it.
            file = _kept_open(path, packing, status.st_size, status.st_mtime_ns, os.getpid())
            file.seek(member.place)
            data = file.read(member.size)
    except _BROKEN as error:
        raise SourceError(
            Phrase("{file}: damaged in the archive ({error}). Download it again.", file=member.name, error=str(error))
        ) from error
    except OSError as error:
        raise SourceError(_unreadable_stream(member.name, error)) from error
    if len(data) != member.size:
        raise SourceError(Phrase("{file}: is cut short. Download the archive again.", file=member.name))
    return data


class _Measured:
    """A stream that is refused when more comes out of it than an honest file holds."""

    def __init__(self, file: IO[bytes], path: Path, limit: int, packed: bool) -> None:
        self.size = 0
        self._file = file
        self._path = path
        self._limit = limit
        self._honest = max(RATIO_MATTERS, MAX_RATIO * path.stat().st_size) if packed else limit

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.size += len(data)
        if self.size > self._honest:
            raise SourceError(
                Phrase(
                    "{file}: expands more than {times} times. No text does that; nothing was read.",
                    file=self._path,
                    times=MAX_RATIO,
                )
            )
        if self.size > self._limit:
            raise SourceError(
                Phrase(
                    "{file}: expands to more than the limit of {size:.1f} GB. Unpack what you trust "
                    "and give the folder.",
                    file=self._path,
                    size=self._limit / 2**30,
                )
            )
        return data


def _tar_members(stream: _Measured, path: Path, name: str, counts: Counter[str]) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as archive:  # type: ignore[call-overload]
        for member in archive:
            archive.members = []  # which would grow without end
            member_name = _text_name(member.name)
            if member.isdir():
                is_wanted(path, member_name, Counter())
            elif is_wanted(path, member_name, counts):
                if member.isreg() and not member.issparse():
                    yield Member(f"{name}:{member_name.removeprefix('./')}", member.size, member.offset_data)
                else:
                    counts["link or device"] += 1
        # What tarfile cannot read it takes for the end, behind which there are zeros.
        while rest := archive.fileobj.read(_CHUNK):
            if rest.strip(b"\0"):
                raise tarfile.ReadError("something stands behind its end")


def _text_name(name: str) -> str:
    """The name of a member: tarfile keeps bytes that are no UTF-8 as lone surrogates, and Chinese systems wrote GBK."""
    raw = name.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "backslashreplace")


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


@functools.lru_cache(maxsize=2)
def _kept_open(path: Path, packing: str, size: int, changed: int, process: int) -> IO[bytes]:
    """A packed .tar, kept open at the place where it was read last, for the next member begins there."""
    return _open(path, packing)


def _open(path: Path, packing: str) -> IO[bytes]:
    openers: dict[str, Callable[..., Any]] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    if packing == "zst" and (library := _zstd()):
        openers["zst"] = library.open
    file: IO[bytes] = openers.get(packing, open)(path, "rb")
    return file


@functools.cache
def _zstd() -> Any:
    """A library with the interface of compression.zstd, or None."""
    for library in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(library)
        except ImportError:
            continue
    return None


def _unreadable_stream(name: str, error: OSError) -> Phrase:
    """The message for an error of the system, or of a packing, whose errors have no number."""
    if error.errno:
        return cannot_read(name, error)
    return Phrase("{file}: damaged ({error}). Download it again.", file=name, error=str(error))
