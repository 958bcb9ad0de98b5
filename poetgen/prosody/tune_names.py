"""Names of tunes (词牌): which there are, and which of them mean the same tune.

tune_names.tsv, tune_aliases.tsv, tune_names_traditional.tsv and tune_lengths.tsv tell what a corpus calls its tunes,
tune_book_names.tsv the names in the book of tunes (tune_book.py). The tables name their sources.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from poetgen.files import read_table
from poetgen.humanize import nearest
from poetgen.prosody.forms import full_names, short_form


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


def book_tunes(name: str) -> tuple[str, ...]:
    """The tunes of the book that a name in either script may mean: its own first, then those that bear it too.

    >>> book_tunes("水調歌頭"), book_tunes("卖花声"), book_tunes("静夜思")
    (('水调歌头',), ('浪淘沙令', '谢池春', '浪淘沙', '浪淘沙慢'), ())
    """
    name = simplified_name(name)
    return tuple(dict.fromkeys(tune for known in (name, listed(name)) for tune in _book_tunes_by_name().get(known, ())))


def book_names() -> list[str]:
    """The tunes of the book by the names that they are listed under.

    >>> "水调歌头" in book_names()
    True
    """
    return [tune for tune, _, _ in read_table("prosody", "tune_book_names.tsv", 3)]


def simplified_name(name: str) -> str:
    """A name of a tune in simplified characters, as it is where the tables do not have it.

    >>> simplified_name("滿江紅"), simplified_name("靜夜思")
    ('满江红', '靜夜思')
    """
    return _names_in_both_scripts().get(name, name)


def asked_form(text: str) -> str:
    """A form as people ask for it: by its short name, a tune in simplified characters, with the number of its shape.

    >>> asked_form("七言律詩"), asked_form("滿江紅：2"), asked_form("十四行诗")
    ('七律', '满江红:2', '十四行诗')
    """
    name, colon, number = short_form(text.strip()).replace("：", ":").partition(":")
    return simplified_name(name.strip()) + colon + number.strip()


def near_names(name: str, others: Sequence[str] = ()) -> list[str]:
    """Names of tunes, or of `others`, forms by their short names, that look like a name which is none; nearest first.

    >>> near_names("念奴桥"), near_names("静夜思"), near_names("绝句", ["五绝", "七绝", "七律"])
    (['念奴娇'], [], ['五绝', '七绝'])
    """
    short = {name: form for name, form in full_names().items() if form in others}
    found = [*nearest(name, [*short, *_names_in_both_scripts()])]
    if len(name) <= 2:  # of which one character is half
        found += nearest(name, others, cutoff=0.5)
    return list(dict.fromkeys(short.get(match) or simplified_name(match) for match in found))[:3]


@cache
def _book_tunes_by_name() -> Mapping[str, list[str]]:
    """Any simplified name -> the tunes of the book that bear it, the one that it is listed as first."""
    tunes: dict[str, list[str]] = {}
    rows = read_table("prosody", "tune_book_names.tsv", 3)
    for tune, _, _ in rows:
        tunes[tune] = [tune]
    for tune, names, _ in rows:
        for name in names.split():
            tunes.setdefault(name, []).append(tune)
    return tunes


@cache
def _lengths() -> Mapping[str, tuple[tuple[int, ...], tuple[str, ...]]]:
    rows = read_table("prosody", "tune_lengths.tsv", 3)
    return {name: (tuple(map(int, totals.split())), tuple(shapes.split())) for name, totals, shapes in rows}


@cache
def _names_in_both_scripts() -> Mapping[str, str]:
    names = {name: name for name in sorted({*tune_names(), *_listed_by_alias(), *_lengths(), *_book_tunes_by_name()})}
    return _traditional_of_book() | _traditional_of_corpus() | names


def _traditional_of_corpus() -> dict[str, str]:
    return {traditional: name for name, traditional in read_table("prosody", "tune_names_traditional.tsv", 2)}


def _traditional_of_book() -> dict[str, str]:
    """Traditional names that differ -> the simplified ones."""
    return {
        traditional: name
        for tune, aliases, shapes in read_table("prosody", "tune_book_names.tsv", 3)
        for name, traditional in zip([tune, *aliases.split()], shapes.split(), strict=True)
    }


@cache
def _listed_by_alias() -> Mapping[str, str]:
    return {alias: name for name, aliases in read_table("prosody", "tune_aliases.tsv", 2) for alias in aliases.split()}
