"""The 词林正韵, the rhyme book of 词: 19 groups, each of several rhymes of the 平水韵.

In groups one to fourteen the level, rising and departing tones of a group stand together, so that a 词 may turn from a
level foot to an oblique one within its rhyme (西江月); groups fifteen to nineteen hold the entering tone alone. Nine
rhymes of the 平水韵 divide between two groups, as they joined two or three rhymes of the older 广韵, and are told
apart by character: 灰 keeps 回 with 支 and gives 来 to 佳; 元 keeps 言 with 寒 and gives 门 to 真; and so on.

The tables are cilin.tsv and cilin_divided.tsv; they name their sources.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from poetgen.files import read_table


class _Divided(NamedTuple):
    """A rhyme that divides: two groups, and the characters of it that only the second has, and that both have."""

    most: str
    rest: str
    of_rest: frozenset[str]
    of_both: frozenset[str]


@cache
def group_names() -> tuple[str, ...]:
    """The 19 groups in order.

    >>> group_names()[0], group_names()[-1], len(group_names())
    ('第一部', '第十九部', 19)
    """
    return tuple(name for name, _ in read_table("prosody", "cilin.tsv", 2))


def groups_of(char: str, rhyme: str) -> frozenset[str]:
    """The groups that a character belongs to by one of its rhymes of the 平水韵: one, or two for very few.

    Raises KeyError where there is no such rhyme.

    >>> groups_of("来", "十灰"), groups_of("回", "十灰")
    (frozenset({'第五部'}), frozenset({'第三部'}))
    >>> groups_of("涯", "九佳") == {"第五部", "第十部"}
    True
    """
    whole = _group_by_rhyme().get(rhyme)
    if whole is not None:
        return frozenset({whole})
    divided = _divided()[rhyme]
    if char in divided.of_both:
        return frozenset({divided.most, divided.rest})
    return frozenset({divided.rest if char in divided.of_rest else divided.most})


@cache
def _group_by_rhyme() -> Mapping[str, str]:
    """Rhyme -> the group that it belongs to as a whole."""
    return {rhyme: name for name, members in read_table("prosody", "cilin.tsv", 2) for rhyme in members.split()}


@cache
def _divided() -> Mapping[str, _Divided]:
    """Rhyme -> how it divides."""
    return {
        rhyme: _Divided(most, rest, frozenset(of_rest), frozenset(of_both))
        for rhyme, most, rest, of_rest, of_both in read_table("prosody", "cilin_divided.tsv", 5)
    }
