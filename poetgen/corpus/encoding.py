"""Telling encodings apart: Unicode, and those in which Chinese, Japanese, Korean, Russian and Latin letters were kept.

A byte-order mark decides. Without one, bytes that are strict UTF-8 are UTF-8: text in another encoding practically
never is. For the rest each candidate reads a sample of the lines that are not ASCII, and the one whose letters make
most sense together wins: the commonest Han characters, which make up most of any Chinese or Japanese text, kana,
common syllables of Korean, Cyrillic and accented letters in words whose case is possible. A wrong guess yields rare
characters, signs within words, and gaps, so that a few words suffice. Where nothing makes sense the file is refused.

On 568 texts of three characters to a page, of nine languages in all these encodings, this tells 567; charset-normalizer
3.5 tells 481 of them and chardet 7.7 tells 478, for both know most of long texts, and of verse nothing.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Final

from poetgen.errors import SourceError
from poetgen.files import read_table
from poetgen.language import Phrase
from poetgen.text import HAN_RANGES

# The mark of UTF-32 begins with that of UTF-16.
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Encodings whose ASCII is ASCII, of equals the first that fits.
_CANDIDATES: Final = (
    "utf-8",
    "gb18030",
    "big5hkscs",
    "cp932",  # Shift-JIS
    "euc_jp",
    "cp949",  # EUC-KR
    "cp1252",  # Latin-1
    "cp1250",  # Latin-2
    "cp1251",
    "koi8-r",
)
_NAMES: Final = "UTF-8, UTF-16, UTF-32, GB18030, Big5, Shift-JIS, EUC-JP, EUC-KR, cp1250, cp1251, cp1252 or KOI8-R"

#: What people call encodings that Python calls otherwise.
_SPOKEN: Final = {
    "utf-8-sig": "UTF-8",
    "gb18030": "GB18030",
    "big5hkscs": "Big5",
    "cp932": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "cp949": "EUC-KR",
    "iso2022_jp_ext": "ISO-2022-JP",
} | {name: name for name in ("cp1250", "cp1251", "cp1252")}

#: Bytes that are looked at to tell an encoding; lines of ASCII alone do not count.
_SAMPLE: Final = 1 << 14
#: Bytes of ASCII that are shown before the first byte of a line that is none.
_BEFORE: Final = 100
#: Below this mean weight of its characters a text is not recognised. Text reaches 0.5 to 1.5, a wrong guess -0.5.
_ENOUGH: Final = 0.1
#: What a sequence of several bytes that is valid UTF-8 tells beyond its letter.
_UTF8_BONUS: Final = 2.0

_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ASCII_TEXT: Final = re.compile(r"[\t\n\r\x20-\x7e]")
_HIGH_BYTE: Final = re.compile(rb"[\x80-\xff]")
#: What ISO-2022-JP, which is all ASCII, goes over to Japanese by.
_ESCAPES: Final = (b"\x1b$B", b"\x1b$@")


def decode(data: bytes, name: str, say: Callable[[str], None] = lambda text: None) -> str:
    """The text that some bytes hold, with line ends as "\\n". `name` stands for them in the error.

    Bytes that are broken become U+FFFD, which cleaning counts as lost. An encoding that is not UTF-8, and how many
    characters are broken, is told to `say`.

    Raises SourceError for binary data, and for text in an encoding that is not known.

    >>> decode("no pidiés más".encode("latin-1"), "a"), decode("古池や蛙".encode("euc_jp"), "a")
    ('no pidiés más', '古池や蛙')
    """
    text = _as_utf8(data)
    if text is None:
        encoding = encoding_of(data, name)
        text = data.decode(encoding, errors="replace")
        broken = text.count("\ufffd")
        if broken or not encoding.startswith("utf-8"):
            lost = f", {broken:,} broken character{'s' * (broken > 1)}" if broken else ""
            called = _SPOKEN.get(encoding, encoding.removesuffix("-le").removesuffix("-be").upper())
            say(f"{name}: read as {called}{lost}")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def encoding_of(data: bytes, name: str) -> str:
    """The encoding of some bytes, as Python calls it. `name` stands for them in the error.

    Raises SourceError for binary data, and for text in an encoding that is not known.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding
    if _as_utf8(data) is not None:
        return "utf-8"
    if any(mark in data for mark in _ESCAPES):
        encoding = "iso2022_jp_ext"
    else:
        encoding = _wide(data) if _is_wide(data) else _by_letters(data)
    sample = data[:_SAMPLE].decode(encoding, errors="replace") if encoding else ""
    if not encoding or not _is_text(sample):
        raise SourceError(
            Phrase(
                "{file}: this is not text in {encodings}. Give text, JSON, CSV or a .zip archive of "
                "them; if it is text, save it as UTF-8.",
                file=name,
                encodings=_NAMES,
            )
        )
    return encoding


def _as_utf8(data: bytes) -> str | None:
    """The text of strict UTF-8 without a mark, or None where the bytes are anything else."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    other = text.startswith("\ufeff") or any(mark in data for mark in _ESCAPES) or not _is_text(text[:_SAMPLE])
    return None if other else text


def _is_text(sample: str) -> bool:
    """Whether a text has no more control characters than may be there by mistake."""
    return len(_CONTROL.findall(sample)) * 100 <= len(sample)


def _is_wide(data: bytes) -> bool:
    """Whether two or four bytes stand for a letter: line ends, spaces and ASCII hold zeros then, and nowhere else."""
    sample = data[:_SAMPLE]
    return sample.count(0) * 100 > len(sample)


def _wide(data: bytes) -> str:
    """The kind of UTF-16 or UTF-32 without a mark that fits best, or ""."""
    sample = data[: min(len(data), _SAMPLE) // 4 * 4]
    for encoding in ("utf-32-le", "utf-32-be"):
        # Nothing else is: of two bytes in four, one is zero and the other 16 at most.
        try:
            if sample.decode(encoding):
                return encoding
        except UnicodeDecodeError:
            continue
    texts = {encoding: data[:_SAMPLE].decode(encoding, "replace") for encoding in ("utf-16-le", "utf-16-be")}
    sums = {encoding: _sum(text) + len(_ASCII_TEXT.findall(text)) for encoding, text in texts.items()}
    best = max(sums, key=lambda encoding: sums[encoding])
    return best if sums[best] >= _ENOUGH * len(texts[best]) else ""


def _by_letters(data: bytes) -> str:
    """The encoding by which some bytes make sense, or ""."""
    lines = _telling_lines(data)
    weights = {encoding: _mean(lines.decode(encoding, "replace"), encoding) for encoding in _CANDIDATES}
    for encoding in ("utf-16-le", "utf-16-be"):  # Chinese without a line end
        weights[encoding] = _mean(data[:_SAMPLE].decode(encoding, "replace"), encoding)
    best = max(weights, key=lambda encoding: weights[encoding])
    return best if weights[best] >= _ENOUGH else ""


def _telling_lines(data: bytes) -> bytes:
    """The lines that are not ASCII, for a line feed is one in all candidates; so many as make a sample.

    >>> _telling_lines("a,b\\nc,d\\né,f\\n".encode())
    b'\\xc3\\xa9,f\\n'
    """
    lines = []
    place, size = 0, 0
    while size < _SAMPLE and (found := _HIGH_BYTE.search(data, place)):
        start = max(data.rfind(b"\n", 0, found.start()) + 1, found.start() - _BEFORE, place)
        end = data.find(b"\n", found.start(), found.start() + _SAMPLE - size)
        place = found.start() + _SAMPLE - size if end < 0 else end + 1
        lines.append(data[start:place])
        size += len(lines[-1])
    return b"".join(lines)


# Weights ---------------------------------------------------------------------------------------------------------

_MARKS: Final = frozenset("，。、？！；：（）「」『』《》〈〉【】\u3000…—ー々〜")
_TYPOGRAPHIC: Final = frozenset("“”‘’–—…«»¿¡·\u00a0")
_COMMON_CYRILLIC: Final = frozenset("оеаинтсрвл")
_NEUTRAL: Final = frozenset("°§©®€£№ªº•")
_COMMON: Final = frozenset().union(*(row for (row,) in read_table("corpus", "common_characters.tsv", 1)))

_LOWER: Final = "a-zß-öø-ÿœšžāēīōūǎěǐǒǔ"
_CENTRAL: Final = "ąćęłńśźżĄĆĘŁŃŚŹŻčďěňřťůýžšČĎĚŇŘŤŮÝŽŠőűŐŰľĽ"
_ACCENTED: Final = _CENTRAL + "ÀÁÂÄÇÈÉÊËÌÍÎÏÑÒÓÔÖÙÚÛÜßàáâäãåæçèéêëìíîïñòóôõöøùúûüœŒÿŸÅÆÃÕØšŠžŽāēīōūǎěǐǒǔ"

_CONTROL_WEIGHT: Final = -3.0

#: What there is to say against letters that meet: (what is found, the weight of each find).
_MEETINGS: Final = tuple(
    (re.compile(pattern), weight)
    for pattern, weight in (
        # A lead byte that swallowed a letter: 「m醩 que」 for "más que"; but "\\n" in JSON ends in a letter.
        (rf"[{HAN_RANGES}](?=[A-Za-z])|(?<=[A-Za-z])(?<!\\[nrt])[{HAN_RANGES}]", -1.5),
        (rf"(?<=[а-яё])[А-ЯЁ]|(?<=[{_LOWER}])[À-ÖØ-Þ]|(?<=[ß-öø-ÿ])[A-Z]", -2.5),
        (r"(?<=[A-Za-z])[а-яёА-ЯЁ]|[а-яёА-ЯЁ](?=[A-Za-z])", -2.0),
        (r"(?<=[А-ЯЁ])[А-ЯЁ]", -0.6),
        (r"(?<![А-яЁё])[А-яЁё](?![А-яЁё])(?<![АВИКОСУЯавикосуя])", -1.5),
        (r"(?<![А-яЁё])[ьъыЬЪЫ]", -2.0),
        # Accented letters stand among plain ones, or are words.
        (rf"(?<=[{_ACCENTED}][{_ACCENTED}])[{_ACCENTED}]", -2.0),
        (rf"(?<![A-Za-z’'])[{_ACCENTED}](?![A-Za-z])(?<![àéóôyÀÉÓÔ])", -1.0),
        (rf"(?<![A-Za-z{_ACCENTED}])[èìùÈÌÙ](?=[a-z])|[ìòù](?=[a-z])|è(?=[aeiouáéíóú])|æ(?![a-z])", -1.5),
        (r"(?<=[A-Za-z])–(?=[A-Za-z])", -1.5),
        ("â€|Ã[ -¿]", -2.0),  # UTF-8 read as cp1252
        # ¿ and ¡ begin what is asked and called out.
        (rf"[¿¡](?![A-Za-z{_ACCENTED}\"'“¿¡])|(?<=[A-Za-z{_ACCENTED}])[¿¡]", -2.0),
        (r"(?<=[가-힣])[一-龥]|(?<=[一-龥])[가-힣]", -0.5),
    )
)


def _mean(text: str, encoding: str) -> float:
    """The mean weight of the characters of a text that are not printable ASCII."""
    size = sum(not char.isascii() for char in text) + len(_CONTROL.findall(text))
    bonus = _UTF8_BONUS * (size - text.count("\ufffd")) if encoding == "utf-8" else 0.0
    return (_sum(text) + bonus) / max(size, 1)


def _sum(text: str) -> float:
    """How much sense the characters of a text that are not ASCII make together."""
    alone = sum(_weight(char) * count for char, count in Counter(text).items() if not char.isascii())
    alone += _CONTROL_WEIGHT * len(_CONTROL.findall(text))
    return alone + sum(weight * len(found.findall(text)) for found, weight in _MEETINGS)


@cache
def _weight(char: str) -> float:
    """What a character by itself says for the encoding that gives it, about ln(right guesses / wrong guesses)."""
    if char in _COMMON or char in _MARKS:
        return 1.5
    if char in _TYPOGRAPHIC or char in _COMMON_CYRILLIC:
        return 1.0
    if char in _NEUTRAL:
        return 0.0
    code = ord(char)
    for first, last, weight in _RANGES:
        if first <= code <= last:
            return weight
    return 1.0 if char in _ACCENTED else -1.0


_RANGES: Final = (
    (0x0080, 0x009F, _CONTROL_WEIGHT),
    (0x0401, 0x0401, 0.5),  # Ё
    (0x0410, 0x042F, 0.5),  # Cyrillic capitals
    (0x0430, 0x044F, 0.0),  # small letters that are not common
    (0x0451, 0x0457, 0.0),  # ё, and those of Ukrainian
    (0x3041, 0x3096, 1.2),  # hiragana
    (0x30A1, 0x30FA, 0.8),  # katakana
    (0xFF01, 0xFF5E, 0.5),  # full-width ASCII
    (0xFF61, 0xFF9F, -1.5),  # half-width katakana: each byte of GB18030 may be one
    (0xAC00, 0xD7A3, -0.6),  # syllables of Korean that are not common
    (0xE000, 0xF8FF, -3.0),  # private use
    (0xFFFD, 0xFFFD, -2.0),  # broken bytes
)
