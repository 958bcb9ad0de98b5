"""The rhyme books of today's speech: 中华新韵 (2005), 14 groups, and 中华通韵 (2019), 16 groups.

Both go by the pinyin of the standard language: tones one and two are level (平), three and four oblique (仄), and the
entering tone is gone. A group holds all tones of its finals, so that a level and an oblique foot of one group rhyme. A
light tone fits either. The tables are modern.tsv and modern_books.tsv; they name their sources.
"""

from collections.abc import Iterator
from functools import cache

from poetgen.files import read_table
from poetgen.prosody.rhymes import ANY, LEVEL, OBLIQUE

_NOTHING: frozenset[str] = frozenset()
_TONE_OF = {"1": LEVEL, "2": LEVEL, "3": OBLIQUE, "4": OBLIQUE}


def modern_readings(char: str) -> frozenset[str]:
    """The readings of a character today, each a final with its tone (0: light); empty for one that is not known.

    >>> sorted(modern_readings("长")), sorted(modern_readings("日"))
    (['ang2', 'ang3'], ['-i4'])
    """
    return _readings().get(char, _NOTHING)


def tones_of(readings: frozenset[str]) -> frozenset[str]:
    """The tones of some readings, 平 and 仄; a light one has both.

    >>> tones_of(frozenset({"ang2"})), tones_of(frozenset({"e0"})) == {"平", "仄"}
    (frozenset({'平'}), True)
    """
    return frozenset(tone for reading in readings for tone in _tones_of(reading))


def modern_groups(readings: frozenset[str], tone: str, book: str) -> frozenset[str]:
    """The groups of `book` to which readings of `tone` (平, 仄, or 中 for either) belong.

    >>> modern_groups(modern_readings("风"), "平", "中华新韵"), modern_groups(modern_readings("风"), "平", "中华通韵")
    (frozenset({'十一庚'}), frozenset({'十四英'}))
    """
    groups = _group_by_final(book)
    return frozenset(groups[reading[:-1]] for reading in readings if tone == ANY or tone in _tones_of(reading))


@cache
def modern_group_names(book: str) -> tuple[str, ...]:
    """The groups of a book in order.

    >>> modern_group_names("中华新韵")[0], len(modern_group_names("中华通韵"))
    ('一麻', 16)
    """
    return tuple(name for of_book, name, _ in read_table("prosody", "modern_books.tsv", 3) if of_book == book)


def modern_word(word: str) -> tuple[frozenset[str], ...] | None:
    """The readings of the characters of a word that pypinyin knows; None for one that it does not.

    Only readings that the characters have by themselves count.

    >>> modern_word("长大"), modern_word("长江"), modern_word("长风")
    ((frozenset({'ang3'}), frozenset({'a4'})), (frozenset({'ang2'}), frozenset({'iang1'})), None)
    """
    found = _phrases().get(word)
    if found is None:
        return None
    return tuple(
        modern_readings(char) & frozenset(map(final_of, syllables)) or modern_readings(char)
        for char, syllables in zip(word, found, strict=True)
    )


@cache
def modern_words() -> tuple[str, ...]:
    """The words of two characters that pypinyin knows."""
    return tuple(word for word in _phrases() if len(word) == 2)


def _tones_of(reading: str) -> Iterator[str]:
    tone = _TONE_OF.get(reading[-1])
    yield from (tone,) if tone else (LEVEL, OBLIQUE)


@cache
def _readings() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for reading, chars in read_table("prosody", "modern.tsv", 2):
        for char in chars:
            found.setdefault(char, set()).add(reading)
    return {char: frozenset(readings) for char, readings in found.items()}


@cache
def _group_by_final(book: str) -> dict[str, str]:
    rows = read_table("prosody", "modern_books.tsv", 3)
    return {final: name for of_book, name, finals in rows if of_book == book for final in finals.split()}


@cache
def _phrases() -> dict[str, list[list[str]]]:
    from pypinyin.constants import PHRASES_DICT

    return PHRASES_DICT


@cache
def final_of(syllable: str) -> str:
    """The final and tone of a syllable with marks, as modern.tsv writes it.

    >>> final_of("zhī"), final_of("yú"), final_of("ér"), final_of("de")
    ('-i1', 'v2', 'er2', 'e0')
    """
    from pypinyin.contrib.tone_convert import to_finals_tone3, to_initials

    final = to_finals_tone3(syllable, strict=True).replace("ü", "v").replace("ê", "ie")
    if final[:-1] == "i" and to_initials(syllable) in ("zh", "ch", "sh", "r", "z", "c", "s"):
        final = "-" + final
    return final if final[-1:].isdigit() else final + "0"
