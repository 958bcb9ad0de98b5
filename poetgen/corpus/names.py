"""Family names, by which the name of an author is told from a title, a label or a line of verse."""

from __future__ import annotations

from functools import cache

from poetgen.files import read_table


@cache
def family_names() -> frozenset[str]:
    """The family names of poets, in both scripts, some of them of two characters (surnames.tsv).

    >>> {"李", "欧阳"} <= family_names()
    True
    """
    return frozenset(name for (row,) in read_table("corpus", "surnames.tsv", 1) for name in row.split())
