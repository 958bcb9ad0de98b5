"""Where a corpus comes from: files, folders, .zip archives and addresses, as a list of documents.

An archive is read in place and never unpacked, so that no member can be written anywhere; its members are still
held to the rules of a well-meant archive, for what breaks them was made to do harm.
"""

from __future__ import annotations

import functools
import lzma
import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from poetgen.errors import SourceError
from poetgen.progress import ProgressCallback, silent

#: Bytes that the documents of all archives may expand to, together.
MAX_EXPANDED: Final = 4 * 2**30

# Deflate cannot do better than 1032:1; prose reaches 10:1. Small members may be as regular as they like.
_MAX_RATIO: Final = 200
_RATIO_MATTERS: Final = 16 * 2**20

_CHUNK: Final = 1 << 20
_ENCRYPTED: Final = 0x1
_UTF8_NAME: Final = 0x800

_NEVER_STEMS: Final = frozenset({"license", "licence", "copying", "readme", "changelog", "contributing", "notice"})
_NEVER_SUFFIXES: Final = frozenset(
    """
    .md .rst .png .jpg .jpeg .gif .svg .webp .ico .bmp .pdf .doc .docx .xls .xlsx .ppt .epub .mobi .py .pyc .ipynb .js
    .ts .css .html .htm .xml .yml .yaml .toml .ini .cfg .lock .sh .bat .go .rs .java .c .h .sql .db .sqlite .sqlite3
    .gz .bz2 .xz .zst .7z .rar .tar .tgz .npy .npz .pt .pth .bin .safetensors .pkl .pickle .parquet .mp3 .mp4 .wav .ttf
    .otf .woff .woff2 .exe .dll .so .part .meta .log .tmp
    """.split()
)


@dataclass(frozen=True, slots=True)
class Document:
    """One file of a corpus, on disk or inside an archive; small and picklable, its bytes are read on demand.

    `name` is for people. `member` is the place of a member in its archive's directory, or -1 for a plain file.
    `asked` is True for a file that the user named: it must be readable text, where a bystander in a folder need not.
    """

    name: str
    path: Path
    size: int
    member: int = -1
    asked: bool = False

    def read(self) -> bytes:
        """All bytes of the document.

        Raises SourceError when the file has gone, cannot be read, or is damaged or dishonest within its archive.
        """
        if self.member >= 0:
            return _read_member(self)
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise SourceError(_cannot_read(self.name, error)) from error


def documents(
    sources: Sequence[str | Path],
    *,
    downloads: Path = Path("corpora"),
    passed_over: Counter[str] | None = None,
    progress: ProgressCallback = silent,
    max_expanded: int = MAX_EXPANDED,
) -> list[Document]:
    """The documents of some files, folders, .zip archives and http(s) addresses, in an order that is the same anywhere.

    Sources come in the order given, what a folder or archive holds in the order of its names; a file that two sources
    reach is listed once. Files that cannot be a corpus (licences, images, programs, prepared datasets) are passed over
    and counted by kind in `passed_over`. Addresses are downloaded once, into `downloads`; `progress` is told the bytes
    so far and in all, 0 where the server does not say.

    Raises SourceError, naming the source, when one is missing, unreadable, empty, damaged, or larger than
    `max_expanded` bytes once expanded; SaveError when a download cannot be written.
    """
    counts: Counter[str] = Counter() if passed_over is None else passed_over
    listed: list[Document] = []
    for source in sources:
        text = os.fspath(source)
        if text.startswith(("http://", "https://")):
            from poetgen.corpus.download import fetch

            path = fetch(text, downloads, progress)
        else:
            path = Path(text)
        before = len(listed)
        listed.extend(_of_path(path, counts))
        if len(listed) == before:
            raise SourceError(f"{path}: nothing in it can be a corpus. Give text, JSON, JSON Lines, CSV or .zip files.")
    if not listed:
        raise SourceError("no sources were given. Name a file, a folder, a .zip archive or an address.")
    once: dict[tuple[str, int], Document] = {}
    for document in listed:
        once.setdefault((os.path.realpath(document.path), document.member), document)
    unique = list(once.values())
    expanded = sum(document.size for document in unique if document.member >= 0)
    if expanded > max_expanded:
        raise SourceError(
            f"{next(d for d in unique if d.member >= 0).path}: expands to {expanded / 2**30:.1f} GB, and the limit is "
            f"{max_expanded / 2**30:.1f} GB. Unpack what you trust and give the folder."
        )
    return unique


def _of_path(path: Path, counts: Counter[str]) -> Iterator[Document]:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise SourceError(f"{path}: there is no such file or folder.") from error
    except (OSError, ValueError) as error:
        raise SourceError(_cannot_read(str(path), error)) from error
    if stat.S_ISDIR(mode):
        yield from _of_folder(path, path, counts)
    elif stat.S_ISREG(mode):
        yield from _of_file(path, path.name, counts, asked=True)
    else:
        raise SourceError(f"{path}: this is neither a file nor a folder.")


def _of_folder(top: Path, folder: Path, counts: Counter[str]) -> Iterator[Document]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(_cannot_read(str(folder), error)) from error
    names = {entry.name for entry in entries}
    if {"report.json", "vocab.json"} <= names:
        counts["prepared dataset"] += 1
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name in ("__MACOSX", "__pycache__"):
            counts["hidden"] += 1
            continue
        # A link to a folder may lead back to one above it; a link to a file is as good as the file.
        if entry.is_dir(follow_symlinks=False):
            yield from _of_folder(top, path, counts)
        elif entry.is_file():
            if unwanted := _unwanted(entry.name):
                counts[unwanted] += 1
            else:
                yield from _of_file(path, (top.name or str(top)) + "/" + path.relative_to(top).as_posix(), counts)
        else:
            counts["link to a folder, or to nothing"] += 1


def _of_file(path: Path, name: str, counts: Counter[str], *, asked: bool = False) -> Iterator[Document]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise SourceError(_cannot_read(str(path), error)) from error
    if head in (b"PK\x03\x04", b"PK\x05\x06") or (path.suffix.lower() == ".zip" and not head):
        yield from _of_archive(path, name, counts)
    elif path.suffix.lower() == ".zip":
        raise SourceError(f"{path}: not a .zip archive, or a damaged one. Download it again.")
    else:
        # The bytes of a name need not be UTF-8; they reach Python as lone surrogates, which nothing can encode.
        shown = os.fsencode(str(path) if asked else name).decode("utf-8", "backslashreplace")
        yield Document(shown, path, size, asked=asked)


def _of_archive(path: Path, name: str, counts: Counter[str]) -> Iterator[Document]:
    members = []
    directory = _archive(path).infolist()
    for index, member in enumerate(directory):
        member_name = _member_name(member)
        if _climbs(member_name):
            raise SourceError(
                f"{path}: holds the path {member_name!r}, which leads out of the archive. It was not made in good "
                "faith; nothing was read."
            )
        parts = PurePosixPath(member_name).parts
        if member.is_dir() or not parts:
            continue
        if any(part.startswith(".") or part == "__MACOSX" for part in parts):
            counts["hidden"] += 1
            continue
        if unwanted := _unwanted(parts[-1]) or ("archive in an archive" if parts[-1].lower().endswith(".zip") else ""):
            counts[unwanted] += 1
            continue
        shown = f"{name}:{member_name}"
        if member.flag_bits & _ENCRYPTED:
            raise SourceError(f"{shown}: is encrypted. Unpack the archive with its password and give the folder.")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            raise SourceError(f"{shown}: is packed by a method unknown here. Unpack the archive and give the folder.")
        if member.file_size > _RATIO_MATTERS and member.file_size > _MAX_RATIO * member.compress_size:
            raise SourceError(
                f"{shown}: would expand {member.file_size // max(member.compress_size, 1)} times, to "
                f"{member.file_size / 2**30:.1f} GB. No text does that; nothing was read."
            )
        members.append((member_name, Document(shown, path, member.file_size, index)))
    # Members that overlap in the file let few bytes stand for many: an archive bomb without a large ratio.
    if sum(member.compress_size for member in directory) > path.stat().st_size:
        raise SourceError(f"{path}: its members overlap. It was not made in good faith; nothing was read.")
    for _, document in sorted(members, key=lambda pair: pair[0]):
        yield document


def _read_member(document: Document) -> bytes:
    archive = _archive(document.path)
    try:
        member = archive.infolist()[document.member]
        pieces, size = [], 0
        with archive.open(member) as file:
            while piece := file.read(_CHUNK):
                size += len(piece)
                if size > document.size:
                    raise SourceError(f"{document.name}: is larger than the archive says. Download it again.")
                pieces.append(piece)
        if size != document.size:
            raise SourceError(f"{document.name}: is cut short. Download the archive again.")
        return b"".join(pieces)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, IndexError) as error:
        raise SourceError(f"{document.name}: damaged in the archive ({error}). Download the archive again.") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(_cannot_read(document.name, error)) from error


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        status = path.stat()
        # Processes must not share an open file: they would move each other's place in it.
        return _open_archive(path, status.st_size, status.st_mtime_ns, os.getpid())
    except zipfile.BadZipFile as error:
        raise SourceError(f"{path}: not a .zip archive, or a damaged one ({error}). Download it again.") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(_cannot_read(str(path), error)) from error


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


def _climbs(name: str) -> bool:
    name = name.replace("\\", "/")
    return name.startswith("/") or name[1:2] == ":" or ".." in name.split("/")


def _unwanted(name: str) -> str:
    """Why a file by this name is no corpus, in a word or two for the report, or ""."""
    stem, suffix = os.path.splitext(name.lower())
    if stem in _NEVER_STEMS and suffix in ("", ".txt", ".md", ".rst"):
        return "readme or licence"
    return f"{suffix} file" if suffix in _NEVER_SUFFIXES else ""


def _cannot_read(name: str, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{name}: cannot be read ({reason})."
