"""Telling encodings apart: UTF-8, UTF-16, GB18030 and Big5.

A byte-order mark decides. Without one, bytes that are strict UTF-8 are UTF-8: Chinese text in another encoding
practically never is. For the rest each candidate decodes a sample, and the one whose text is richest in the commonest
characters of Chinese verse wins: they make up three quarters of any poem, while a wrong guess yields rare characters,
so that a few words suffice.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from poetgen.errors import SourceError
from poetgen.files import read_table

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

#: Bytes that are looked at to tell an encoding.
_SAMPLE: Final = 1 << 16

#: Below this share of common characters nothing was recognised. Real text reaches 0.6, random bytes 0.06.
_ENOUGH: Final = 0.25

_FULL_WIDTH_MARKS: Final = "，。、？！；：“”「」『』（）《》\u3000·"
#: The commonest characters of verse (common_characters.tsv), and full-width marks.
_COMMON: Final = frozenset(_FULL_WIDTH_MARKS).union(
    *(row for (row,) in read_table("corpus", "common_characters.tsv", 1))
)

_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_ASCII_TEXT: Final = re.compile(r"[\t\n\r\x20-\x7e]")


def decode(data: bytes, name: str) -> str:
    """The text that some bytes hold, with line ends as "\\n". `name` stands for them in the error.

    A few broken bytes become U+FFFD; the poems that hold one are dropped and counted in cleaning.

    Raises SourceError for binary data, and for text in none of the four encodings.
    """
    text = _decode(data, name)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _decode(data: bytes, name: str) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    sample = data[:_SAMPLE]
    # Any text in UTF-16 that holds a line end, a space or a letter holds zero bytes, and no other text does.
    if sample.count(0) * 100 > len(sample):
        candidates = ["utf-16-le", "utf-16-be"]
    else:
        try:
            text = data.decode("utf-8")
            if len(_CONTROL.findall(text, 0, _SAMPLE)) * 100 <= min(len(text), _SAMPLE):
                return text
            raise SourceError(_binary(name))
        except UnicodeDecodeError:
            text = sample.decode("utf-8", errors="replace")
            if text.count("\ufffd") * 50 < len(text):
                return data.decode("utf-8", errors="replace")
        candidates = ["gb18030", "big5hkscs", "utf-16-le", "utf-16-be"]
    share, encoding = max(((_share(sample, encoding), encoding) for encoding in candidates), key=lambda pair: pair[0])
    if share < _ENOUGH:
        raise SourceError(_binary(name))
    return data.decode(encoding, errors="replace")


def _share(sample: bytes, encoding: str) -> float:
    """The share of common characters in a sample read in an encoding, ASCII left out where it tells nothing."""
    text = sample.decode(encoding, errors="replace")
    if encoding.startswith("utf-16"):
        return (sum(map(_COMMON.__contains__, text)) + len(_ASCII_TEXT.findall(text))) / max(len(text), 1)
    text = _ASCII_TEXT.sub("", text)
    return sum(map(_COMMON.__contains__, text)) / max(len(text), 1)


def _binary(name: str) -> str:
    return (
        f"{name}: this is not text in UTF-8, UTF-16, GB18030 or Big5. "
        "Give text, JSON, CSV or a .zip archive of them; if it is text, save it as UTF-8."
    )
