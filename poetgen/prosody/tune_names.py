"""Names of tunes (词牌): which there are, and which of them mean the same tune.

The tables are tune_names.tsv and tune_aliases.tsv; they name their sources.
"""

from collections.abc import Mapping
from functools import cache

from poetgen.files import read_table


@cache
def tune_names() -> frozenset[str]:
    """The names that poets and anthologies use most, for poems whose source gives the tune only within the title.

    >>> "浣溪沙" in tune_names(), "静夜思" in tune_names()
    (True, False)
    """
    return frozenset(name for (name,) in read_table("prosody", "tune_names.tsv", 1))


def listed(name: str) -> str:
    """The name that a tune is listed under, which is the name itself where it is no other tune's second one.

    >>> listed("酹江月"), listed("念奴娇"), listed("自度曲")
    ('念奴娇', '念奴娇', '自度曲')
    """
    return _listed_by_alias().get(name, name)


@cache
def _listed_by_alias() -> Mapping[str, str]:
    return {alias: name for name, aliases in read_table("prosody", "tune_aliases.tsv", 2) for alias in aliases.split()}
