"""What a character rhymes with as the foot of a line, by either rhyme book."""

from functools import cache

from poetgen.prosody.cilin import groups_of
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE, PINGSHUI, is_level, rare, rhymes


@cache
def feet(char: str, tone: str, book: str = PINGSHUI, usual: bool = False) -> frozenset[str]:
    """The rhymes of a character as a foot of `tone` (平, 仄, or 中 for either) by `book`; feet rhyme that share one.

    By the 平水韵 they are names of the 106 rhymes. By the 词林正韵 they are names of the 19 groups, so that a level
    foot and an oblique one of the same group rhyme. Empty if the character has no reading of that tone. With `usual`
    the readings that poets hardly use (rare() in rhymes.py) are left out.

    >>> feet("看", "平", PINGSHUI), feet("看", "仄", PINGSHUI)
    (frozenset({'十四寒'}), frozenset({'十五翰'}))
    >>> feet("东", "平", CILIN) == feet("冻", "仄", CILIN) == {"第一部"}
    True
    >>> feet("东", "仄", CILIN)
    frozenset()
    >>> feet("空", "仄", usual=True), feet("蛇", "平", usual=True)
    (frozenset(), frozenset({'六麻'}))
    """
    if tone not in (LEVEL, OBLIQUE, ANY):
        raise ValueError(f"no tone {tone!r}: expected {LEVEL}, {OBLIQUE} or {ANY}")
    if book not in (PINGSHUI, CILIN):
        raise ValueError(f"no rhyme book {book!r}: expected {PINGSHUI} or {CILIN}")
    names = rhymes(char) - rare(char) if usual else rhymes(char)
    readings = [name for name in names if tone == ANY or is_level(name) == (tone == LEVEL)]
    if book == PINGSHUI:
        return frozenset(readings)
    return frozenset(group for name in readings for group in groups_of(char, name))
