"""What a character rhymes with as the foot of a line, by any rhyme book."""

from functools import cache

from poetgen.prosody.cilin import groups_of
from poetgen.prosody.modern import modern_groups, modern_readings
from poetgen.prosody.rhymes import ANY, BOOKS, LEVEL, MODERN_BOOKS, OBLIQUE, PINGSHUI, is_level, rare, rhymes


@cache
def feet(char: str, tone: str, book: str = PINGSHUI, usual: bool = False) -> frozenset[str]:
    """The rhymes of a character as a foot of `tone` (平, 仄, or 中 for either) by `book`; feet rhyme that share one.

    By the 平水韵 they are names of the 106 rhymes. By the 词林正韵 they are names of the 19 groups, so that a level
    foot and an oblique one of the same group rhyme; so it is by the books of today, which go by how characters are
    read now. Empty if the character has no reading of that tone. With `usual` the readings that poets hardly use
    (rare() in rhymes.py) are left out.

    >>> feet("看", "平", PINGSHUI), feet("看", "仄", PINGSHUI)
    (frozenset({'十四寒'}), frozenset({'十五翰'}))
    >>> feet("东", "平", "词林正韵") == feet("冻", "仄", "词林正韵") == {"第一部"}
    True
    >>> feet("东", "仄", "词林正韵")
    frozenset()
    >>> feet("竹", "平", "中华通韵"), feet("竹", "仄", "中华通韵")
    (frozenset({'五乌'}), frozenset())
    >>> feet("空", "仄", usual=True), feet("蛇", "平", usual=True)
    (frozenset(), frozenset({'六麻'}))
    """
    if tone not in (LEVEL, OBLIQUE, ANY):
        raise ValueError(f"no tone {tone!r}: expected {LEVEL}, {OBLIQUE} or {ANY}")
    if book not in BOOKS:
        raise ValueError(f"no rhyme book {book!r}: expected {', '.join(BOOKS)}")
    if book in MODERN_BOOKS:
        return modern_groups(modern_readings(char), tone, book)
    names = rhymes(char) - rare(char) if usual else rhymes(char)
    readings = [name for name in names if tone == ANY or is_level(name) == (tone == LEVEL)]
    if book == PINGSHUI:
        return frozenset(readings)
    return frozenset(group for name in readings for group in groups_of(char, name))
