"""Regulated verse on two neighbouring rhymes (邻韵), by the names that the books of the Song have for it.

进退格   the feet go to and fro between two rhymes: 寒 删 寒 删
辘轳格   two feet of one rhyme, then two of the other: 寒 寒 删 删
葫芦格   two of one, then four or more of the other: small above, large below, as a gourd
孤雁入群 the last foot alone is of the other rhyme
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

#: The schemes that have a name.
SCHEMES: Final = ("进退格", "辘轳格", "葫芦格", "孤雁入群")


def two_rhymes(
    feet: Sequence[frozenset[str]], neighbours: Callable[[str, str], bool]
) -> tuple[str, tuple[str, ...]] | None:
    """The name of the scheme, and the rhyme of each foot; None where the feet are in no scheme.

    `feet` are the rhymes that each has; `neighbours` says of two rhymes whether they sound alike.

    >>> two_rhymes([frozenset({"十四寒"}), frozenset({"十五删"})] * 2, lambda one, other: True)
    ('进退格', ('十四寒', '十五删', '十四寒', '十五删'))
    """
    for name, turns in _schemes(len(feet)):
        sides = [[names for names, turn in zip(feet, turns, strict=True) if turn == side] for side in (0, 1)]
        for one in sorted(frozenset.intersection(*sides[0])):
            for other in sorted(frozenset.intersection(*sides[1])):
                if one != other and neighbours(one, other):
                    return name, tuple((one, other)[turn] for turn in turns)
    return None


def _schemes(count: int) -> Iterator[tuple[str, list[int]]]:
    """Each scheme of `count` feet, and which of two rhymes every foot has."""
    if count < 4:
        return
    if count % 2 == 0:
        yield SCHEMES[0], [0, 1] * (count // 2)
    yield SCHEMES[1 if count == 4 else 2], [0, 0] + [1] * (count - 2)
    yield SCHEMES[3], [0] * (count - 1) + [1]
