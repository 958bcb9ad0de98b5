""".zip archives, read in place: their members, and the bytes of each.

Nothing is unpacked to disk, so that no member can be written anywhere; they are still held to the rules of a well-meant
archive, for what breaks them was made to do harm.
"""

from __future__ import annotations

import functools
import lzma
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from poetgen.corpus.members import MAX_RATIO, RATIO_MATTERS, Member, cannot_read, ensure_inside, is_wanted
from poetgen.errors import SourceError
from poetgen.language import Phrase

_CHUNK: Final = 1 << 20
_ENCRYPTED: Final = 0x1
_UTF8_NAME: Final = 0x800


def zip_names(path: Path) -> list[str]:
    """The names of all members of an archive; raises SourceError for a damaged one."""
    return _archive(path).namelist()


def zip_members(path: Path, name: str, counts: Counter[str]) -> Iterator[Member]:
    """The members that may be a corpus, in the order of their names; others are counted by kind in `counts`.

    Raises SourceError for an archive that is damaged, encrypted or was made to do harm.
    """
    return sound_members(path, name, lambda member: is_wanted(path, member, counts))


def sound_members(path: Path, name: str, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """The members whose paths in the archive are `wanted`, in the order of their names; folders are left out.

    Raises SourceError for an archive that is damaged, encrypted or was made to do harm.
    """
    members = []
    directory = _archive(path).infolist()
    for index, member in enumerate(directory):
        member_name = _member_name(member)
        ensure_inside(path, member_name)
        if member.is_dir() or not wanted(member_name):
            continue
        shown = f"{name}:{member_name}"
        if member.flag_bits & _ENCRYPTED:
            raise SourceError(
                Phrase("{file}: is encrypted. Unpack the archive with its password and give the folder.", file=shown)
            )
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            raise SourceError(
                Phrase(
                    "{file}: is packed by a method unknown here. Unpack the archive and give the folder.", file=shown
                )
            )
        if member.file_size > RATIO_MATTERS and member.file_size > MAX_RATIO * member.compress_size:
            raise SourceError(
                Phrase(
                    "{file}: would expand {times} times, to {size:.1f} GB. No text does that; nothing was read.",
                    file=shown,
                    times=member.file_size // max(member.compress_size, 1),
                    size=member.file_size / 2**30,
                )
            )
        members.append((member_name, Member(shown, member.file_size, index)))
    # Members that overlap in the file let few bytes stand for many: an archive bomb without a large ratio.
    if sum(member.compress_size for member in directory) > path.stat().st_size:
        raise SourceError(
            Phrase("{file}: its members overlap. It was not made in good faith; nothing was read.", file=path)
        )
    for _, listed in sorted(members, key=lambda pair: pair[0]):
        yield listed


def read_zip_member(path: Path, listed: Member) -> bytes:
    """The bytes of a member; raises SourceError where it is damaged, or not what the archive says."""
    name = listed.name
    archive = _archive(path)
    try:
        member = archive.infolist()[listed.place]
        pieces, size = [], 0
        with archive.open(member) as file:
            while piece := file.read(_CHUNK):
                size += len(piece)
                if size > listed.size:
                    raise SourceError(Phrase("{file}: is larger than the archive says. Download it again.", file=name))
                pieces.append(piece)
        if size != listed.size:
            raise SourceError(Phrase("{file}: is cut short. Download the archive again.", file=name))
        return b"".join(pieces)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, IndexError) as error:
        raise SourceError(
            Phrase("{file}: damaged in the archive ({error}). Download the archive again.", file=name, error=str(error))
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(cannot_read(name, error)) from error


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        status = path.stat()
        # Processes must not share an open file: they would move each other's place in it.
        return _open_archive(path, status.st_size, status.st_mtime_ns, os.getpid())
    except zipfile.BadZipFile as error:
        raise SourceError(
            Phrase(
                "{file}: not a .zip archive, or a damaged one ({error}). Download it again.",
                file=path,
                error=str(error),
            )
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(cannot_read(str(path), error)) from error


@functools.lru_cache(maxsize=2)
def _open_archive(path: Path, size: int, changed: int, process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def _member_name(member: zipfile.ZipInfo) -> str:
    """The name of a member. Without the UTF-8 flag zipfile reads cp437, while Chinese systems wrote UTF-8 or GBK."""
    if member.flag_bits & _UTF8_NAME:
        return member.filename
    try:
        raw = member.filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename
