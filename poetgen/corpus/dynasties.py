"""Dynasties: the names that readers meet, brought to one set. The tables are dynasties.tsv and dynasty_places.tsv."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from poetgen.files import read_table
from poetgen.humanize import nearest

_NAMES: Final = {
    name: dynasty for dynasty, names in read_table("corpus", "dynasties.tsv", 2) for name in names.split(" ")
}

#: The one set of names, in the order of time.
DYNASTIES: Final = tuple(dict.fromkeys(_NAMES.values()))

#: The end of one and the beginning of the next: a poet of 唐末宋初 is of 唐.
_BETWEEN: Final = re.compile("(.+?)(?:末|至|到|-)(.+?)初?")

_TRADITIONAL: Final = str.maketrans("漢魏晉東後劉齊陳遼兩國現當吳戰", "汉魏晋东后刘齐陈辽两国现当吴战")

#: Where a source keeps its poems, when the poems do not say.
_PLACES: Final = tuple(
    (re.compile(pattern), dynasty) for pattern, dynasty in read_table("corpus", "dynasty_places.tsv", 2)
)


def dynasty(name: str) -> str:
    """The dynasty that a field names, one of DYNASTIES, or "" when it names none that is known.

    >>> dynasty("Tang"), dynasty("〔宋代〕"), dynasty("清朝"), dynasty("遼"), dynasty("唐末宋初"), dynasty("?")
    ('唐', '宋', '清', '辽', '唐', '')
    """
    return _dynasty(name) if name else ""


@lru_cache(maxsize=1024)
def _dynasty(name: str) -> str:
    name = re.sub(r"[\s()（）〔〕\[\]【】_・·]", "", name).lower().translate(_TRADITIONAL)
    for end in ("", "代", "朝", "时期", "dynasty"):
        if known := _NAMES.get(name.removesuffix(end)):
            return known
    between = _BETWEEN.fullmatch(name)
    return _dynasty(between[1]) if between and _dynasty(between[2]) else ""


def near_dynasties(name: str) -> list[str]:
    """Those of DYNASTIES that a name which is none may have meant.

    >>> near_dynasties("唐潮"), near_dynasties("Tagn"), near_dynasties("月")
    (['唐'], ['唐'], [])
    """
    return list(dict.fromkeys(_NAMES[known] for known in nearest(name.lower(), _NAMES)))


@lru_cache(maxsize=1024)
def dynasty_of_place(name: str) -> str:
    """The dynasty that the name of a file and its folders imply, or "". The file's own name speaks first.

    >>> dynasty_of_place("all.zip:全唐诗/poet.song.0.json"), dynasty_of_place("五代诗词/nantang/poetrys.json")
    ('宋', '五代')
    """
    for part in reversed(re.split(r"[/\\:]", name)):
        for pattern, implied in _PLACES:
            if pattern.search(part):
                return implied
    return ""
