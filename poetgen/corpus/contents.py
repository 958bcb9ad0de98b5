"""What a document holds, by its first bytes, and its text: plain, of a page of the web, of an office file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from poetgen.corpus.encoding import decode
from poetgen.corpus.markup import is_page, page_text
from poetgen.corpus.office import office_text
from poetgen.errors import SourceError
from poetgen.language import Phrase

ZIP_HEADS: Final = (b"PK\x03\x04", b"PK\x05\x06")

_UNPACK: Final = "Unpack it and give what it holds."
_TYPE: Final = "Save its text as .txt."
#: Files without text that can be read: (where the mark stands, the mark, what the file is, the way out).
_REFUSED: Final = (
    (0, b"%PDF-", "a PDF", "Save its text as .txt, with pdftotext for instance."),
    (0, b"\x1f\x8b", "packed by gzip", _UNPACK),
    (4, b"1AY&SY", "packed by bzip2", _UNPACK),
    (0, b"\xfd7zXZ\x00", "packed by xz", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "packed by zstd", _UNPACK),
    (0, b"\x1f\x9d", "packed by compress", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "packed by lz4", _UNPACK),
    (0, b"LZIP\x01", "packed by lzip", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a .7z archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a .rar archive", _UNPACK),
    (257, b"ustar", "a .tar archive", _UNPACK),
    (0, b"SQLite format 3\x00", "an SQLite database", "Export the table as CSV."),
    (0, b"PAR1", "a Parquet table", "Save it as CSV or JSON Lines."),
    (0, b"ARROW1", "an Arrow table", "Save it as CSV or JSON Lines."),
    (0, b"\x89HDF\r\n", "an HDF5 file", "Save its poems as text, JSON or CSV."),
    (0, b"\x93NUMPY", "a NumPy array (.npy)", "Save its poems as text, JSON or CSV."),
    *((0, bytes((0x80, version)), "a pickle", "Save its poems as text, JSON or CSV.") for version in range(2, 6)),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (.doc, .xls)", "Save it as .txt, .docx or CSV."),
    (0, b"{\\rtf", "an RTF file", _TYPE),
    (60, b"BOOKMOBI", "a Kindle book", "Convert it to EPUB or text."),
    (0, b"AT&TFORM", "a DjVu file", _TYPE),
    (0, b"\x89PNG\r\n", "an image", "Type its text, or have it recognised."),
    (0, b"\xff\xd8\xff", "an image", "Type its text, or have it recognised."),
    (0, b"GIF8", "an image", "Type its text, or have it recognised."),
    (8, b"WEBP", "an image", "Type its text, or have it recognised."),
    (0, b"II*\x00", "an image", "Type its text, or have it recognised."),
    (0, b"MM\x00*", "an image", "Type its text, or have it recognised."),
    (0, b"\x7fELF", "a program", "Give the poems themselves."),
)


def refuse_other_than_text(data: bytes, name: str) -> None:
    """Raise SourceError, with the way out, for bytes that begin as a file without readable text does."""
    for place, mark, kind, way_out in _REFUSED:
        if data.startswith(mark, place):
            raise SourceError(
                Phrase(
                    "{file}: this is {kind}. {way_out}",
                    file=name,
                    kind=Phrase.known(kind),
                    way_out=Phrase.known(way_out),
                )
            )


def text_of(data: bytes, name: str, say: Callable[[str], None] = lambda text: None) -> str:
    """The text of a document: of a page of the web, a Word or OpenDocument file or an e-book without its tags.

    The encoding is told to `say` as `decode` does.

    Raises SourceError for what holds no text that can be read, with the way out.
    """
    if data.startswith(ZIP_HEADS):
        return office_text(data, name)
    refuse_other_than_text(data, name)
    text = decode(data, name, say)
    return page_text(text) if is_page(text) else text
