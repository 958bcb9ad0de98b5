"""Files of Word, OpenDocument and e-books: their text. All of them are .zip archives of XML."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from html.parser import HTMLParser
from typing import Final
from urllib.parse import unquote

from poetgen.corpus.encoding import decode
from poetgen.corpus.markup import page_text
from poetgen.errors import SourceError
from poetgen.language import Phrase

#: Bytes that the text of one file may expand to, far more than the longest book has.
_MAX_TEXT: Final = 64 * 2**20

#: Which member tells what a file is, what it is then called, and the way out where it cannot be read.
_BY_MEMBER: Final = (
    ("word/document.xml", "Word file", ""),
    ("META-INF/container.xml", "EPUB book", ""),
    ("content.xml", "OpenDocument file", ""),
    ("xl/workbook.xml", "Excel file", "Save the sheet as CSV."),
    ("ppt/presentation.xml", "PowerPoint file", "Save its text as .txt."),
)


def office_kind(names: list[str]) -> tuple[str, str]:
    """What a .zip archive with members of these names is, and the way out if it has no text that can be read.

    >>> office_kind(["[Content_Types].xml", "word/document.xml"]), office_kind(["poems.txt"])
    (('Word file', ''), ('', ''))
    """
    for member, kind, way_out in _BY_MEMBER:
        if member in names and (member != "content.xml" or "mimetype" in names):
            return kind, way_out
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy archive (.npz)", "Save its poems as text, JSON or CSV."
    if any(name.endswith("data.pkl") for name in names):
        return "checkpoint of PyTorch", "Give the poems themselves."
    return "", ""


def office_text(data: bytes, name: str) -> str:
    """The text of a Word or OpenDocument file, or of an e-book, a paragraph a line.

    Raises SourceError for any other archive, and for one that is damaged, encrypted or too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            kind, way_out = office_kind(archive.namelist())
            match kind:
                case "Word file":
                    return page_text(_member(archive, "word/document.xml", name), only="w:t")
                case "OpenDocument file":
                    return page_text(_member(archive, "content.xml", name))
                case "EPUB book":
                    return "\n".join(page_text(_member(archive, part, name)) for part in _chapters(archive, name))
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, EOFError, ValueError) as error:
        raise SourceError(
            Phrase(
                "{file}: damaged, or encrypted ({error}). Save it as text and give that.", file=name, error=str(error)
            )
        ) from error
    if kind:
        raise SourceError(
            Phrase(
                "{file}: this is {kind}. {way_out}",
                file=name,
                kind=Phrase.known(f"a{'n' if kind[0] in 'AEIO' else ''} {kind}"),
                way_out=Phrase.known(way_out),
            )
        )
    raise SourceError(
        Phrase("{file}: this is an archive where text was looked for. Unpack it and give the folder.", file=name)
    )


def _member(archive: zipfile.ZipFile, member: str, name: str) -> str:
    """The text of a member, within bounds: what it says of its size is held against it by zipfile."""
    size = archive.getinfo(member).file_size
    if size > _MAX_TEXT:
        raise SourceError(
            Phrase(
                "{file}: its text would be {size:,.0f} MB. Save it as text and give that.", file=name, size=size / 2**20
            )
        )
    return decode(archive.read(member), name)


class _Tags(HTMLParser):
    """Gathers (name, attributes) of all tags in `tags`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag.rpartition(":")[2], {key: value or "" for key, value in attrs}))


def _chapters(archive: zipfile.ZipFile, name: str) -> list[str]:
    """The members of a book that are read from cover to cover, without its table of contents."""
    container = _Tags(_member(archive, "META-INF/container.xml", name)).tags
    package = next((found.get("full-path", "") for tag, found in container if tag == "rootfile"), "")
    tags = _Tags(_member(archive, package, name)).tags
    folder = posixpath.dirname(package)
    items = {
        found.get("id", ""): posixpath.normpath(posixpath.join(folder, unquote(found.get("href", ""))))
        for tag, found in tags
        if tag == "item" and "nav" not in found.get("properties", "").split()
    }
    spine = [items.get(found.get("idref", ""), "") for tag, found in tags if tag == "itemref"]
    chapters = list(dict.fromkeys(filter(None, spine)))
    if sum(archive.getinfo(chapter).file_size for chapter in chapters) > _MAX_TEXT:
        raise SourceError(Phrase("{file}: its text would be too large. Save it as text and give that.", file=name))
    return chapters
