"""The three oblique tones (上, 去, 入), which some places and feet of 词 tell apart."""

from functools import cache
from typing import Final

from poetgen.prosody.cilin import groups_of
from poetgen.prosody.rhymes import categories, rare, rhymes

#: Stands, beside 平, 仄 and 中, for a place that asks for the departing tone.
DEPARTING: Final = "去"
_ENTERING: Final = "入"


def oblique_tones(char: str, usual: bool = False) -> frozenset[str]:
    """Which of 上, 去 and 入 a character has; with `usual` by the readings that poets use.

    >>> sorted(oblique_tones("雨")), oblique_tones("月"), oblique_tones("春")
    (['上', '去'], frozenset({'入'}), frozenset())
    """
    names = rhymes(char) - rare(char) if usual else rhymes(char)
    return frozenset(map(categories().__getitem__, names)) & {"上", DEPARTING, _ENTERING}


@cache
def entering_groups() -> frozenset[str]:
    """The groups of the 词林正韵 that hold the entering tone.

    >>> len(entering_groups()), "第十八部" in entering_groups()
    (5, True)
    """
    return frozenset(group for name, part in categories().items() if part == _ENTERING for group in groups_of("", name))
