"""Where a corpus comes from: files, folders, archives and addresses, as a list of documents.

What a file is, is told by its first bytes. Archives are read in place: .zip by `zip_archive`, .tar and packed files by
`stream_archive`, and what both hold is held to the rules of `members`.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from poetgen.corpus.contents import ZIP_HEADS
from poetgen.corpus.members import Member, cannot_read, unwanted
from poetgen.corpus.office import office_kind
from poetgen.corpus.stream_archive import can_unpack, packing_of, read_stream_member, stream_members
from poetgen.corpus.zip_archive import read_zip_member, zip_members, zip_names
from poetgen.errors import SourceError
from poetgen.language import Phrase
from poetgen.progress import ProgressCallback, silent

#: Bytes that the documents of all archives may expand to, together.
MAX_EXPANDED: Final = 4 * 2**30
#: Bytes of a file that tell what kind it is.
_HEAD: Final = 512


@dataclass(frozen=True, slots=True)
class Document:
    """One file of a corpus, on disk or inside an archive; small and picklable, its bytes are read on demand.

    `name` is for people. `member` is the place of a member in its archive, or -1 for a plain file; `packing` is what
    the archive is: "zip", "tar", "gz" and the like, or "" for a plain file. `asked` is True for a file that the user
    named: it must be readable text, where a bystander in a folder need not.
    """

    name: str
    path: Path
    size: int
    member: int = -1
    asked: bool = False
    packing: str = ""

    def read(self) -> bytes:
        """All bytes of the document.

        Raises SourceError when the file has gone, cannot be read, or is damaged or dishonest within its archive.
        """
        if self.packing:
            member = Member(self.name, self.size, self.member)
            if self.packing == "zip":
                return read_zip_member(self.path, member)
            return read_stream_member(self.path, self.packing, member)
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise SourceError(cannot_read(self.name, error)) from error


def is_address(source: str) -> bool:
    """Whether a source is the http(s) address of one."""
    return source.startswith(("http://", "https://"))


def documents(
    sources: Sequence[str | Path],
    *,
    downloads: Path = Path("corpora"),
    passed_over: Counter[str] | None = None,
    progress: ProgressCallback = silent,
    max_expanded: int = MAX_EXPANDED,
) -> list[Document]:
    """The documents of some files, folders, archives and http(s) addresses, in an order that is the same anywhere.

    Sources come in the order given, what a folder or a .zip archive holds in the order of its names, what a .tar holds
    in its own; a file that two sources reach is listed once. Files that cannot be a corpus (licences, images, programs,
    prepared datasets) are passed over and counted by kind in `passed_over`. Addresses are downloaded once, into
    `downloads`; `progress` is told the bytes so far and in all, 0 where the server does not say.

    Raises SourceError, naming the source, when one is missing, unreadable, empty, damaged, or larger than
    `max_expanded` bytes once expanded; SaveError when a download cannot be written.
    """
    counts: Counter[str] = Counter() if passed_over is None else passed_over
    listed: list[Document] = []
    for source in sources:
        text = os.fspath(source)
        if is_address(text):
            from poetgen.corpus.download import fetch

            path = fetch(text, downloads, progress)
        else:
            path = Path(text)
        before = len(listed)
        listed.extend(_of_path(path, counts, max_expanded))
        if len(listed) == before:
            raise SourceError(
                Phrase(
                    "{file}: nothing in it can be a corpus. Give text, JSON, JSON Lines, CSV, or an archive of them.",
                    file=path,
                )
            )
    if not listed:
        raise SourceError(Phrase("no sources were given. Name a file, a folder, a .zip archive or an address."))
    once: dict[tuple[str, int], Document] = {}
    for document in listed:
        once.setdefault((os.path.realpath(document.path), document.member), document)
    unique = list(once.values())
    expanded = sum(document.size for document in unique if document.member >= 0)
    if expanded > max_expanded:
        raise SourceError(
            Phrase(
                "{file}: expands to {size:.1f} GB, and the limit is {limit:.1f} GB. Unpack what you "
                "trust and give the folder.",
                file=next(d for d in unique if d.member >= 0).path,
                size=expanded / 2**30,
                limit=max_expanded / 2**30,
            )
        )
    return unique


def _of_path(path: Path, counts: Counter[str], limit: int) -> Iterator[Document]:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise SourceError(Phrase("{file}: there is no such file or folder.", file=path)) from error
    except (OSError, ValueError) as error:
        raise SourceError(cannot_read(str(path), error)) from error
    if stat.S_ISDIR(mode):
        yield from _of_folder(path, path, counts, limit)
    elif stat.S_ISREG(mode):
        yield from _of_file(path, path.name, counts, limit, asked=True)
    else:
        raise SourceError(Phrase("{file}: this is neither a file nor a folder.", file=path))


def _of_folder(top: Path, folder: Path, counts: Counter[str], limit: int) -> Iterator[Document]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(cannot_read(str(folder), error)) from error
    names = {entry.name for entry in entries}
    if "vocab.json" in names and names & {"report.json", "train.tokens.npy"}:  # one half written, too
        counts["prepared dataset"] += 1
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name in ("__MACOSX", "__pycache__"):
            counts["hidden"] += 1
            continue
        # A link to a folder may lead back to one above it; a link to a file is as good as the file.
        if entry.is_dir(follow_symlinks=False):
            yield from _of_folder(top, path, counts, limit)
        elif entry.is_file():
            if kind := unwanted(entry.name):
                counts[kind] += 1
            else:
                shown = (top.name or str(top)) + "/" + path.relative_to(top).as_posix()
                yield from _of_file(path, shown, counts, limit)
        else:
            counts["link to a folder, or to nothing"] += 1


def _of_file(path: Path, name: str, counts: Counter[str], limit: int, *, asked: bool = False) -> Iterator[Document]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise SourceError(cannot_read(str(path), error)) from error
    # The bytes of a name need not be UTF-8; they reach Python as lone surrogates, which nothing can encode.
    shown = os.fsencode(str(path) if asked else name).decode("utf-8", "backslashreplace")
    members: Iterable[Member] = ()
    packing = "zip" if head.startswith(ZIP_HEADS) or (path.suffix.lower() == ".zip" and not head) else packing_of(head)
    kind = office_kind(zip_names(path))[0] if packing == "zip" else ""
    if kind and not asked:
        counts[kind] += 1
    elif kind or not packing:
        if path.suffix.lower() == ".zip" and not kind:
            raise SourceError(Phrase("{file}: not a .zip archive, or a damaged one. Download it again.", file=path))
        yield Document(shown, path, size, asked=asked)
    elif packing == "zip":
        members = zip_members(path, name, counts)
    elif can_unpack(packing):
        members = stream_members(path, name, packing, counts, limit)
    elif asked:
        raise SourceError(
            Phrase("{file}: is packed by zstd. Unpack it (zstd -d), or install backports.zstd.", file=path)
        )
    else:
        counts[".zst file"] += 1
    for member in members:
        # A file that is packed alone is as good as one that is not; a member of an archive is a bystander.
        alone = packing != "zip" and member.place == 0
        yield Document(shown if alone else member.name, path, member.size, member.place, alone and asked, packing)
