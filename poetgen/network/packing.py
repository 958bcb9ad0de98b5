"""A checkpoint as a single file to send: a .zip of its folder, and back.

    tang-song.zip
      tang-song/config.json, vocab.json, README.md, …   deflated
      tang-song/model.safetensors, …                    stored, as weights cannot be made smaller

Such a file may come from anybody. It is held to the bounds of archives of poems (corpus/zip_archive.py), nothing but
the files of a checkpoint is taken out of it, and these count once they have been opened and found to be one.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Final

from poetgen.corpus.members import Member
from poetgen.corpus.zip_archive import read_zip_member, sound_members
from poetgen.data.dataset import LINES_FILE, TUNES_FILE
from poetgen.errors import CheckpointError, PoetgenError, SourceError
from poetgen.files import atomic, write_atomic
from poetgen.folders import read_as_one, switching
from poetgen.network.checkpoint import PICTURES, READER, Checkpoint
from poetgen.network.records import LOG
from poetgen.network.registry import CARD, CONFIG, MOST_CONFIG, STATE, VOCAB, WEIGHTS

#: The files that are packed, and the most bytes that each may have.
_MOST: Final = {
    CONFIG: MOST_CONFIG,
    VOCAB: 64 << 20,
    CARD: 1 << 20,
    TUNES_FILE: 64 << 20,
    LINES_FILE: 1 << 30,
    READER: 1 << 30,
    WEIGHTS: 4 << 30,
}
#: Members get this time, so that the same checkpoint makes the same file.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path, name: str, file: Path) -> str:
    """Write the checkpoint in a folder as a .zip, without what only --resume needs; returns its id.

    Raises CheckpointError where it cannot be opened, or SaveError.
    """
    checkpoint = Checkpoint.load(folder)
    parts = read_as_one(
        folder, tuple(_MOST), lambda where: {part: where(part).read_bytes() for part in _MOST if where(part).is_file()}
    )
    with atomic(file) as target, zipfile.ZipFile(target, "w") as archive:
        for part, data in parts.items():
            member = zipfile.ZipInfo(f"{name}/{part}", _NO_TIME)
            member.external_attr = 0o644 << 16
            stored = part.endswith(".safetensors")
            archive.writestr(member, data, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
    return checkpoint.id


def packed_name(file: Path) -> str:
    """The name of the checkpoint in a .zip, that of its folder; raises SourceError where it holds none."""
    return _contents(file)[0]


def unpack(file: Path, folder: Path) -> str:
    """Put the checkpoint in a .zip into a folder, in the place of one that is there; returns its id.

    Raises SourceError for a file that is none of `pack`, or damaged, CheckpointError where what it holds is no whole
    checkpoint, and SaveError. The folder is then as it was.
    """
    _, members = _contents(file)
    with switching(folder, _others(members)) as beside:
        for part, member in members.items():
            write_atomic(beside / part, read_zip_member(file, member))
        try:
            return Checkpoint.load(beside).id
        except PoetgenError as error:
            raise CheckpointError(str(error).replace(str(beside), str(file))) from error


def _contents(file: Path) -> tuple[str, dict[str, Member]]:
    """The name of the checkpoint in a .zip, and its members by the names of their files."""
    folders: set[str] = set()
    strangers: list[str] = []

    def wanted(path: str) -> bool:
        parts = PurePosixPath(path).parts
        if len(parts) != 2 or parts[1] not in _MOST:
            strangers.append(path)
            return False
        folders.add(parts[0])
        return True

    found = {PurePosixPath(member.name).name: member for member in sound_members(file, str(file), wanted)}
    if strangers or len(folders) != 1 or not {CONFIG, VOCAB, WEIGHTS} <= found.keys():
        holds = f" (it holds {strangers[0][:100]})" if strangers else ""
        raise SourceError(f"{file}: not a checkpoint that poetgen models export has packed{holds}; nothing was taken")
    for part, member in found.items():
        if member.size > _MOST[part]:
            raise SourceError(f"{member.name}: {member.size / 2**20:,.0f} MB, more than it may have; nothing was taken")
    return folders.pop(), found


def _others(parts: Collection[str]) -> list[str]:
    """What goes from a folder with the checkpoint that was in it."""
    return [name for name in (*_MOST, STATE, LOG, *PICTURES) if name not in parts]
