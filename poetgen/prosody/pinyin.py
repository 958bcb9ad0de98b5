"""How characters are read today, by pypinyin (MIT), which knows words: 长 is cháng in 长江 and zhǎng in 长大."""

from __future__ import annotations

from functools import cache
from typing import Final

from poetgen.prosody.rhymes import LEVEL, OBLIQUE

#: The tones of today that come from the level tone, and those that come from the others.
_TODAY: Final = {LEVEL: "12", OBLIQUE: "34"}


#: Readings that characters have in verse rather than those of speech, where no word tells.
_IN_VERSE: Final = (
    "尽jìn 盡jìn 长cháng 長cháng 舍shè 还huán 還huán 子zǐ 为wéi 為wéi 薄bó 塞sài 阙què 闕què 颇pō 頗pō 卜bǔ "
    "弹tán 彈tán 了liǎo 干gān 得dé 地dì 着zhuó 里lǐ 儿ér"
)


def pinyin_of(line: str, tones: str = "") -> list[str]:
    """The pinyin of each character of a line; of one that pypinyin does not know, the character itself.

    `tones` has 平 or 仄 where the verse decides between two readings of a character, and another sign elsewhere.

    >>> pinyin_of("却看妻子"), pinyin_of("却看妻子", "中平中中")
    (['què', 'kàn', 'qī', 'zǐ'], ['què', 'kān', 'qī', 'zǐ'])
    """
    from pypinyin import Style, lazy_pinyin
    from pypinyin.contrib.tone_convert import to_tone

    _put_verse_first()
    today = lazy_pinyin(line, Style.TONE3, errors=list)  # type: ignore[arg-type]
    asked = tones.ljust(len(line))
    return [to_tone(_of_tone(char, now, tone)) for char, now, tone in zip(line, today, asked, strict=True)]


@cache
def _put_verse_first() -> None:
    """Tell pypinyin which reading of a character to take first."""
    from pypinyin import load_single_dict, pinyin

    for word in _IN_VERSE.split():
        char, first = word[0], word[1:]
        others = [reading for reading in pinyin(char, heteronym=True)[0] if reading != first]
        load_single_dict({ord(char): ",".join([first, *others])})


def _of_tone(char: str, today: str, tone: str) -> str:
    """The reading of a character that has the tone; the one of today where none has, or nothing is asked."""
    from pypinyin import Style, pinyin

    wanted = _TODAY.get(tone, "")
    if not wanted or today[-1] in wanted:
        return today
    return next((other for other in pinyin(char, Style.TONE3, heteronym=True)[0] if other[-1] in wanted), today)
