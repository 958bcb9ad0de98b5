"""Rhymes and tones of characters by the 平水韵, the rule book of regulated verse since the thirteenth century.

The book sorts characters into 106 rhymes: 30 of the level tone (平, fifteen 上平 and fifteen 下平) and 76 of the
oblique tones (仄): 29 rising (上), 30 departing (去), 17 entering (入). A character of several readings stands in
several rhymes, and in verse any of them counts. Traditional and simplified characters are both found.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from poetgen.files import read_table
from poetgen.language import Phrase

LEVEL: Final = "平"
OBLIQUE: Final = "仄"
#: Stands in a line's tones for a place where either tone does.
ANY: Final = "中"
#: The tones as messages name them.
TONE_NAMES: Final = MappingProxyType({LEVEL: Phrase("level (平)"), OBLIQUE: Phrase("oblique (仄)")})

#: The rhyme books: the one of regulated verse (here), the one of 词 (cilin.py), and those of today (modern.py).
PINGSHUI, CILIN, XINYUN, TONGYUN = "平水韵", "词林正韵", "中华新韵", "中华通韵"
MODERN_BOOKS: Final = (XINYUN, TONGYUN)
BOOKS: Final = (PINGSHUI, CILIN, *MODERN_BOOKS)

_LEVEL_PARTS: Final = frozenset({"上平", "下平"})
_NOTHING: Final[frozenset[str]] = frozenset()


def rhymes(char: str) -> frozenset[str]:
    """Every rhyme of the 平水韵 that holds the character; empty if the book has it nowhere.

    >>> sorted(rhymes("东"))
    ['一东']
    >>> rhymes("东") == rhymes("東")
    True
    >>> rhymes("看") == {"十四寒", "十五翰"}
    True
    >>> rhymes("x")
    frozenset()
    """
    return _rhymes_by_char().get(char, _NOTHING)


def level_rhymes(char: str) -> frozenset[str]:
    """The 平 rhymes of a character: those that the even lines of regulated verse may share.

    >>> level_rhymes("看")
    frozenset({'十四寒'})
    >>> level_rhymes("月")
    frozenset()
    """
    return _level_rhymes_by_char().get(char, _NOTHING)


def tones(char: str) -> frozenset[str]:
    """The tones of a character by all its readings: 平, 仄, both, or none if the book does not know it.

    >>> tones("春"), tones("夜")
    (frozenset({'平'}), frozenset({'仄'}))
    >>> tones("看") == {"平", "仄"}
    True
    """
    return _tones_by_char().get(char, _NOTHING)


def rare(char: str) -> frozenset[str]:
    """The rhymes of a character whose readings poets hardly use, by the testimony of regulated verse (usual.tsv).

    Empty where all its readings are in use or too few poems tell; never all of them.

    >>> sorted(rare("空")), rare("看")
    (['一董', '一送'], frozenset())
    >>> sorted(rhymes("蛇") - rare("蛇"))
    ['六麻']
    """
    return _rare_by_char().get(char, _NOTHING)


def usual_tones(char: str) -> frozenset[str]:
    """The tones of a character without its rare readings; empty only if the book does not know it.

    >>> usual_tones("空"), usual_tones("不")
    (frozenset({'平'}), frozenset({'仄'}))
    >>> usual_tones("看") == tones("看") == {"平", "仄"}
    True
    """
    return _usual_tones_by_char().get(char) or tones(char)


def categories() -> Mapping[str, str]:
    """The 106 rhymes in the order of the book, each with its part: 上平, 下平, 上, 去 or 入.

    >>> len(categories()), list(categories())[:3], categories()["一先"]
    (106, ['一东', '二冬', '三江'], '下平')
    """
    return MappingProxyType({name: part for name, (part, _) in _book().items()})


def characters(category: str) -> str:
    """The characters of one rhyme, in the order of the book, simplified variants last.

    >>> characters("三江")[:4]
    '江杠矼釭'
    """
    return _book()[category][1]


def is_level(category: str) -> bool:
    """Whether a rhyme is of the level tone.

    >>> is_level("一东"), is_level("一董")
    (True, False)
    """
    return _book()[category][0] in _LEVEL_PARTS


@cache
def _book() -> dict[str, tuple[str, str]]:
    """Rhyme -> (part of the book, its characters)."""
    return {name: (part, chars) for name, part, chars in read_table("prosody", "pingshui.tsv", 3)}


@cache
def _rhymes_by_char() -> dict[str, frozenset[str]]:
    by_char: dict[str, set[str]] = {}
    for name, (_, chars) in _book().items():
        for char in chars:
            by_char.setdefault(char, set()).add(name)
    return {char: frozenset(names) for char, names in by_char.items()}


@cache
def _level_rhymes_by_char() -> dict[str, frozenset[str]]:
    return {char: frozenset(filter(is_level, names)) for char, names in _rhymes_by_char().items()}


@cache
def _tones_by_char() -> dict[str, frozenset[str]]:
    return {char: _tones_of(names) for char, names in _rhymes_by_char().items()}


@cache
def _rare_by_char() -> dict[str, frozenset[str]]:
    """Character -> its rare rhymes; a row of the table tells of all shapes of its character."""
    return {
        shape: frozenset(names.split()) for shapes, names in read_table("prosody", "usual.tsv", 2) for shape in shapes
    }


@cache
def _usual_tones_by_char() -> dict[str, frozenset[str]]:
    """The characters that have rare readings -> the tones of the others."""
    return {char: _tones_of(rhymes(char) - names) for char, names in _rare_by_char().items()}


def _tones_of(names: Iterable[str]) -> frozenset[str]:
    return frozenset(LEVEL if is_level(name) else OBLIQUE for name in names)
