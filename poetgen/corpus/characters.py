"""Characters: which forms are one, which cannot be seen or read, and whether a text is Chinese."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from poetgen.text import HAN_RANGES, PUNCTUATION, is_han

# Forms that Unicode keeps only for the sake of older standards. Blanket NFKC would also break up characters that
# stand in verse, so only these blocks are folded: full-width and vertical forms, radicals that stand for characters.
_FOLD: Final = {
    point: unicodedata.normalize("NFKC", chr(point))
    for block in ((0x2E80, 0x2FDF), (0xFE30, 0xFE6F), (0xFF01, 0xFF9F), (0xFFE0, 0xFFE6))
    for point in range(block[0], block[1] + 1)
    if unicodedata.normalize("NFKC", chr(point)) != chr(point) and chr(point) not in PUNCTUATION
} | {ord(space): " " for space in "\u00a0\u2002\u2003\u2009\u3000\t\v\f"}

# In scanned texts a full-width full stop stands where a comma stood; the archive has 27, none at the end of a sentence.
_FOLD[ord("．")] = "，"

_INVISIBLE: Final = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
    "\U000e0100-\U000e01ef]"
)


# Where scripts need them, characters that cannot be seen change what can: joiners between the letters of Arabic,
# Indian and other scripts and between emoji, the variation selector of these, and the marks that set the direction of
# what is written from right to left.
_JOINED: Final = (
    "\u0600-\u08ff\u0900-\u0dff\u0e00-\u109f\u1700-\u18af\u1a00-\u1c4f\ua840-\uabff\ufb50-\ufdff\ufe70-\ufefc"
)
_EMOJI: Final = "\u00a9\u00ae\u2030-\u2bff\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff"
_JOINER: Final = re.compile(
    f"(?<=[{_JOINED}{_EMOJI}])[\u200c\u200d]+(?=[{_JOINED}{_EMOJI}])"
    f"|(?<=[{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?=[{_JOINED}])"
    f"|(?<=[{_EMOJI}0-9#*])\ufe0f"
)
_RIGHT_TO_LEFT: Final = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_DIRECTION: Final = re.compile("[\u200e\u200f\u202a-\u202e]")


def fold(text: str) -> str:
    """Bring compatibility forms to the characters they stand for, and take out what cannot be seen.

    >>> fold("ＡＢＣ，（\ufa1b）")
    'ABC，(福)'
    """
    return without_invisible(unicodedata.normalize("NFC", text).translate(_FOLD))


_HALF_WIDTH_KANA: Final = re.compile("[\uff66-\uff9f]+")
_FOLD_LETTERS: Final = {
    point: char for point, char in _FOLD.items() if char.isspace() or (char.isalnum() and not 0xFF61 <= point <= 0xFF9F)
}


def fold_letters(text: str) -> str:
    """Like `fold`, but for languages that keep their own marks: （ is no ( there.

    >>> fold_letters("ＡＢＣ，（ｶﾞ）\u3000可愛い")
    'ABC，（ガ） 可愛い'
    """
    text = unicodedata.normalize("NFC", text).translate(_FOLD_LETTERS)
    if _HALF_WIDTH_KANA.search(text):
        text = _HALF_WIDTH_KANA.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    return without_invisible(text)


def without_invisible(text: str) -> str:
    """A text without the characters that nobody can see, but for those that its script needs.

    >>> without_invisible("a\u200cb"), without_invisible("\u0645\u06cc\u200c\u062e\u0648")
    ('ab', '\u0645\u06cc\u200c\u062e\u0648')
    """
    if not _INVISIBLE.search(text):
        return text
    needed = {match.start() + place for match in _JOINER.finditer(text) for place in range(len(match[0]))}
    if _RIGHT_TO_LEFT.search(text):
        needed.update(match.start() for match in _DIRECTION.finditer(text))
    return _INVISIBLE.sub(lambda char: char[0] if char.start() in needed else "", text)


UNREADABLE: Final = re.compile("[\ufffd\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff]")
"""Characters that a broken encoding leaves, or that only one font shows."""

LETTER: Final = re.compile(f"[^\\W\\d_{HAN_RANGES}]")
"""A letter that is no Han character."""

_ITERATION: Final = re.compile("([々〻]+)")


def is_folded(text: str) -> bool:
    """Whether Han characters stand in the one form that `fold` gives them."""
    return unicodedata.is_normalized("NFC", text)


def visible(text: str) -> str:
    """A text without the characters that nobody can see."""
    return without_invisible(unicodedata.normalize("NFC", text))


_MAIMED: Final = re.compile(f"[^。！？!?.\n]*{UNREADABLE.pattern}[^。！？!?.\n]*[。！？!?.]?")


def cut_unreadable(text: str) -> str:
    """A plain text without the sentences in which a character is lost: closed up they would teach what nobody wrote.

    >>> cut_unreadable("却说那日。天色\ufffd晚，众人散去。次日")
    '却说那日。次日'
    """
    return _MAIMED.sub("", text) if UNREADABLE.search(text) else text


def mostly_han(text: str) -> bool:
    """Whether more letters of a text are Han characters than are not; true of a text without letters."""
    letters = len(LETTER.findall(text))
    return letters == 0 or letters < sum(map(is_han, text))


def expand_iterations(text: str) -> str:
    """Write out the iteration marks 々 and 〻: as many characters as there are marks are said again.

    They are a scribe's shorthand, not characters: poems are counted, rhymed and written by what is read aloud. A mark
    with nothing before it stays, to be dropped as any sign for a lost character.

    >>> expand_iterations("霾土忽兮塺々。可憐々々，"), expand_iterations("错，々，々。")
    ('霾土忽兮塺塺。可憐可憐，', '错，错，错。')
    """
    parts = _ITERATION.split(text)
    read: list[str] = []
    for number, part in enumerate(parts):
        if number % 2 and read:
            again = read[-len(part) :]
            parts[number] = "".join(again * -(-len(part) // len(again)))[: len(part)]
        read.extend(filter(is_han, parts[number]))
    return "".join(parts)
