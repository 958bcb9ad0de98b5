"""Scripts: which of the two a text is in, from one to the other, and which shapes of a character are one.

OpenCC converts. Where one character stands for several of the other script it goes by words of today's prose, so that
里 of 万里 and 云 of 诗云 come out wrong in verse; for those characters the characters beside them decide, by the tables
words_to_traditional.tsv and words_to_simplified.tsv. Shapes that a teacher would mark (髙, 疎, 馀) are brought to the
standard one by variants.tsv. The tables name their sources.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poetgen.files import read_table

Script = Literal["simplified", "traditional", "keep"]

#: Stands before the name of an author, so that a word of the tables may say: at the beginning of a name.
NAME: Final = "^"

#: The ideographs of the basic plane, among which are all that tell one script from the other.
_BLOCK: Final = "".join(map(chr, range(0x4E00, 0xA000)))

#: Simplified characters that books in traditional script print too: in more than 2,500 such poems of the archive each.
_OF_BOTH: Final = "黄却烟韵凉卧带强遥荆携迹况脚摇"


# Telling ---------------------------------------------------------------------------------------------------------


def tell(text: str) -> int:
    """How many more characters of a text are traditional alone than are simplified alone; below 0, it is simplified.

    Characters that books of the other script print too tell nothing, such as 峰, 却 and 乾.

    >>> tell("獨釣寒江雪"), tell("独钓寒江雪"), tell("床前明月光")
    (2, -2, 0)
    """
    simplified, traditional = _telling()
    return len(traditional.findall(text)) - len(simplified.findall(text))


@cache
def _telling() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The characters that only one script has: OpenCC changes them, and the other script's old code set lacks them."""

    def changed(config: str, code_set: str) -> re.Pattern[str]:
        known = _BLOCK.encode(code_set, "ignore").decode(code_set)
        chars = {char for char, other in zip(_BLOCK, _converter(config)(_BLOCK), strict=True) if char != other}
        return re.compile(f"[{''.join(sorted(chars - {*known, *_OF_BOTH}))}]")

    return changed("s2t", "big5"), changed("t2s", "gb2312")


# Variants --------------------------------------------------------------------------------------------------------


def fold_variants(text: str, script: Script = "simplified") -> str:
    """A text with the standard shape of each character, in traditional script; conversion comes after that.

    What is standard in traditional text stays where the text is to be in that script.

    >>> fold_variants("疎影髙臺，馀生屋簷。"), fold_variants("疎影髙臺，餘生屋簷。", "traditional")
    ('疏影高臺，餘生屋檐。', '疏影高臺，餘生屋簷。')
    """
    # A look-up of all code points at once takes a fifth of the time of str.translate.
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    standard: bytes = _variants(script)[points].tobytes()
    return standard.decode("utf-32-le", "surrogatepass")


@cache
def _variants(script: Script) -> NDArray[np.uint32]:
    """Code point -> that of the standard shape, (1,114,112,)."""
    points = np.arange(sys.maxunicode + 1, dtype="<u4")
    for shape, char, only in read_table("corpus", "variants.tsv", 3):
        if script == "simplified" or not only:
            points[ord(shape)] = ord(char)
    return points


# Converting ------------------------------------------------------------------------------------------------------


def to_simplified(text: str, verse: bool = True) -> str:
    """A text of either script in simplified one, a character for a character.

    Where it is no `verse` but titles and names, OpenCC alone decides: 沈 is 沉 in verse, and a family name there.

    >>> to_simplified("神祇祇在此，沈郎看著浮沈。"), to_simplified("贈沈明府", verse=False)
    ('神祇只在此，沈郎看着浮沉。', '赠沈明府')
    """
    return _by_words(text, "t2s", _to_simplified() if verse else _NO_WORDS)


def to_traditional(text: str) -> str:
    """A simplified text in traditional script, a character for a character; one in traditional script would suffer.

    >>> to_traditional("万里云边头发白，皇后诗云表里清。")
    '萬里雲邊頭髮白，皇后詩云表裏清。'
    """
    return _by_words(text, "s2t", _to_traditional())


class _Words(NamedTuple):
    """What decides for characters of several meanings: for each what it is as a rule, and in words of two or three."""

    usual: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    where: re.Pattern[str] | None


_NO_WORDS: Final = _Words({}, {}, None)


def _by_words(text: str, config: str, table: _Words) -> str:
    converted = _converter(config)(text)
    if table.where is None or len(converted) != len(text):
        return converted
    parts, end = [], 0
    for match in table.where.finditer(text):
        at = match.start()
        parts.append(converted[end:at])
        end = at + 1
        before, char, behind = text[max(0, at - 1) : at], match[0], text[at + 1 : at + 2]
        words = table.words[char]
        parts.append(
            words.get(before + char + behind)
            or words.get(before + char)
            or words.get(char + behind)
            or table.usual[char]
        )
    return "".join(parts) + converted[end:]


@cache
def _to_simplified() -> _Words:
    return _read_words("words_to_simplified.tsv")


@cache
def _to_traditional() -> _Words:
    return _read_words("words_to_traditional.tsv")


def _read_words(name: str) -> _Words:
    rows = read_table("corpus", name, 3)
    usual = {char: other for char, other, words in rows if not words}
    words: dict[str, dict[str, str]] = {char: {} for char in usual}
    for char, other, listed in rows:
        words[char] |= dict.fromkeys(filter(None, listed.split(" ")), other)
    return _Words(usual, words, re.compile(f"[{''.join(usual)}]"))


@cache
def _converter(config: str) -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC(config).convert
    return convert
