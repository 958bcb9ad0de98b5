"""Members of folders and archives: which of them may be a corpus, by their names, and which were made to do harm."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from poetgen.errors import SourceError
from poetgen.language import Phrase

#: Times that a large member may expand. Deflate cannot do better than 1032:1; prose reaches 10:1.
MAX_RATIO: Final = 200
#: Bytes up to which a member may be as regular as it likes.
RATIO_MATTERS: Final = 16 * 2**20

_ARCHIVES: Final = frozenset(".zip .gz .tgz .bz2 .tbz2 .xz .txz .zst .tar".split())
_NEVER_STEMS: Final = frozenset({"license", "licence", "copying", "readme", "changelog", "contributing", "notice"})
_NEVER_SUFFIXES: Final = frozenset(
    """
    .md .rst .png .jpg .jpeg .gif .svg .webp .ico .bmp .pdf .doc .docx .xls .xlsx .ppt .epub .mobi .py .pyc .ipynb .js
    .ts .css .html .htm .xml .yml .yaml .toml .ini .cfg .lock .sh .bat .go .rs .java .c .h .sql .db .sqlite .sqlite3
    .7z .rar .npy .npz .pt .pth .bin .safetensors .pkl .pickle .parquet .mp3 .mp4 .wav .ttf
    .otf .woff .woff2 .exe .dll .so .part .meta .log .tmp
    """.split()
)


class Member(NamedTuple):
    """A file in an archive: its name for people, its bytes once unpacked, and its place in the archive."""

    name: str
    size: int
    place: int


def is_wanted(path: Path, member: str, counts: Counter[str]) -> bool:
    """Whether a member of an archive may be a corpus; else it is counted by kind.

    Raises SourceError for one whose path leads out of the archive.
    """
    ensure_inside(path, member)
    parts = PurePosixPath(member).parts
    if not parts:
        return False
    if any(part.startswith(".") or part == "__MACOSX" for part in parts):
        kind = "hidden"
    else:
        packed = os.path.splitext(parts[-1].lower())[1] in _ARCHIVES
        kind = unwanted(parts[-1]) or ("archive in an archive" if packed else "")
    if kind:
        counts[kind] += 1
    return not kind


def ensure_inside(path: Path, member: str) -> None:
    """Raise SourceError for a member whose path leads out of the archive."""
    if _climbs(member):
        raise SourceError(
            Phrase(
                "{file}: holds the path {member}, which leads out of the archive. It was not made in "
                "good faith; nothing was read.",
                file=path,
                member=repr(member),
            )
        )


def _climbs(name: str) -> bool:
    name = name.replace("\\", "/")
    return name.startswith("/") or name[1:2] == ":" or ".." in name.split("/")


def unwanted(name: str) -> str:
    """Why a file by this name is no corpus, in a word or two for the report, or ""."""
    stem, suffix = os.path.splitext(name.lower())
    if stem in _NEVER_STEMS and suffix in ("", ".txt", ".md", ".rst"):
        return "readme or licence"
    return f"{suffix} file" if suffix in _NEVER_SUFFIXES else ""


def cannot_read(name: str, error: Exception) -> Phrase:
    """The message for a file that the system does not give."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Phrase("{file}: cannot be read ({reason}).", file=name, reason=reason)
