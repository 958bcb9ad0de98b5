"""Words of classical verse for the things of our days (images.tsv): 地铁 has none there, but it has 车声 and 人海.

A network that has read nothing later than the Qing knows no 程序员. Where a title names such a thing, and nobody gave
keywords, its images stand in the header as keywords do.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from poetgen.files import read_table

#: As many words as a poem of the corpus has keywords at most.
_MOST: Final = 4


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    return {thing: tuple(words.split(" ")) for thing, words in read_table("writing", "images.tsv", 2)}


def images(title: str) -> tuple[str, ...]:
    """The images of what a title names, at most four, those of each thing in turn.

    >>> images("地铁早高峰"), images("静夜思")
    (('车声', '晓', '地底', '车尘'), ())
    """
    longest = max(map(len, _table()))
    found: list[tuple[str, ...]] = []
    at = 0
    while at < len(title):
        sizes = range(min(longest, len(title) - at), 1, -1)
        size = next((size for size in sizes if title[at : at + size] in _table()), 0)
        if size:
            found.append(_table()[title[at : at + size]])
        at += size or 1
    turns = [words[turn] for turn in range(_MOST) for words in found if turn < len(words)]
    return tuple(dict.fromkeys(turns))[:_MOST]
