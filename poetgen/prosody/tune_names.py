"""Names of tunes (词牌): which there are, and which of them mean the same tune.

The tables are tune_names.tsv, tune_aliases.tsv, tune_names_traditional.tsv and
tune_lengths.tsv; they name their sources.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

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


#: The name at the head of a title, and what may part it from the rest: 浣溪沙 其一, 浣溪沙（…）, 木兰花/玉楼春.
_HEAD: Final = re.compile(
    r"\s*([^\s·・•/／|，,：:（(〔【\[—－-]{2,7}?)(?:其[一二三四五六七八九十]+)?(?:[\s·・•/／|，,：:（(〔【\[—－-]|$)"
)
_TITLE_MARKS: Final = "《》〈〉「」"


def tune_in_title(title: str) -> str:
    """The tune that a title is, or begins with, in either script, by the name as it is written in simplified one.

    >>> tune_in_title("好事近 其二 待月不至"), tune_in_title("臨江仙（夜飲）"), tune_in_title("静夜思")
    ('好事近', '临江仙', '')
    """
    head = _HEAD.match(title.lstrip(_TITLE_MARKS))
    return _names_in_both_scripts().get(head[1].rstrip(_TITLE_MARKS), "") if head else ""


def fits_tune(name: str, lengths: Sequence[int]) -> bool:
    """Whether lines of these lengths are as long as poems of a tune are, in all.

    Lines of one length are so only where those of the tune are. One character more or less than the table has is let
    pass in mixed lines: there are such poems of every tune.

    >>> fits_tune("如梦令", [6, 6, 5, 6, 2, 2, 6]), fits_tune("浣溪沙", [7] * 6), fits_tune("浣溪沙", [7] * 8)
    (True, True, False)
    """
    known, shapes = _lengths().get(listed(name), ((), ()))
    if not known or not lengths:
        return False
    if len({*lengths}) == 1:
        return f"{len(lengths)}x{lengths[0]}" in shapes
    total = sum(lengths)
    return any(abs(total - length) <= 1 for length in known)


@cache
def _lengths() -> Mapping[str, tuple[tuple[int, ...], tuple[str, ...]]]:
    rows = read_table("prosody", "tune_lengths.tsv", 3)
    return {name: (tuple(map(int, totals.split())), tuple(shapes.split())) for name, totals, shapes in rows}


@cache
def _names_in_both_scripts() -> Mapping[str, str]:
    names = {name: name for name in sorted({*tune_names(), *_listed_by_alias(), *_lengths()})}
    return {traditional: name for name, traditional in read_table("prosody", "tune_names_traditional.tsv", 2)} | names


@cache
def _listed_by_alias() -> Mapping[str, str]:
    return {alias: name for name, aliases in read_table("prosody", "tune_aliases.tsv", 2) for alias in aliases.split()}
