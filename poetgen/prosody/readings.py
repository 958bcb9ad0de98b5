"""How the characters of a line are read: by which rhyme book, and which of their readings count.

A character of two tones is read as it usually is (usual.tsv), save in a word that decides: 重 is 平 in 九重 and 仄 in
珍重. A word is two characters side by side without a pause of the line between them (words.tsv).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from poetgen.files import read_table
from poetgen.prosody.feet import feet
from poetgen.prosody.modern import modern_groups, modern_readings, modern_word, modern_words, tones_of
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, MODERN_BOOKS, OBLIQUE, PINGSHUI, tones, usual_tones

#: Stand in the tones of a line for a character of both tones, and for one that the book does not know.
BOTH, UNKNOWN = "通", "？"

#: Behind how many characters a line pauses, by its length; what stands on either side makes no word.
PAUSES: Final[Mapping[int, tuple[int, ...]]] = {4: (2,), 5: (2,), 6: (2, 4), 7: (2, 4)}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads lines by a rhyme book: by the usual readings of their characters and words, or by all that there are.

    >>> Reader().signs("空山不见人"), Reader(usual=False).signs("空山不见人")
    ('平平仄仄平', '通平通仄平')
    >>> Reader().signs("此物最相思"), Reader().signs("秋思落谁家")
    ('仄仄仄平平', '平仄仄平平')
    >>> Reader("中华新韵").signs("独坐幽篁里"), Reader("中华新韵").signs("银行长大")
    ('平仄平平仄', '平平仄仄')
    """

    book: str = ""
    """One of BOOKS (rhymes.py); "" stands for the 平水韵, or in `explain` for the book of the form."""
    usual: bool = True

    def tones(self, line: str) -> tuple[frozenset[str], ...]:
        """The tones of each character: 平, 仄, both, or none where the book does not know it."""
        return _tones(self, line)

    def feet(self, line: str, tone: str) -> frozenset[str]:
        """The rhymes of the last character of a line as a foot of `tone`; feet rhyme that share one.

        >>> Reader().feet("更上一层楼", "平"), Reader().feet("欲把相思说", "平")
        (frozenset({'十一尤'}), frozenset())
        """
        return self._feet(line, tone, self.book or PINGSHUI)

    def neighbours(self, line: str, tone: str) -> frozenset[str]:
        """The groups of rhymes that sound alike (邻韵) to which a foot belongs: of the 词林正韵 for the 平水韵.

        The other books have no neighbouring rhymes: a group is a rhyme.
        """
        return self._feet(line, tone, CILIN if self.book in ("", PINGSHUI) else self.book)

    def _feet(self, line: str, tone: str, book: str) -> frozenset[str]:
        foot = line[-1:]
        if book in MODERN_BOOKS:
            return modern_groups(frozenset().union(*_read_today(line, self.usual)[-1:]), tone, book)
        if not self.usual:
            return feet(foot, tone, book)
        told = self.tones(line)[-1:]
        if tone == ANY:
            return frozenset().union(*(self._feet(line, each, book) for each in (told[0] if told else ())))
        if not told or tone not in told[0]:
            return frozenset()
        return feet(foot, tone, book, usual=True) or feet(foot, tone, book)  # a word may give it a rare one

    def signs(self, line: str) -> str:
        """The tones of a line, one of 平, 仄, 通 (both) and ？ (unknown) for a character."""
        return "".join(BOTH if len(known) == 2 else next(iter(known), UNKNOWN) for known in self.tones(line))


@lru_cache(maxsize=1024)  # the lines of a poem are asked for many times
def _tones(reader: Reader, line: str) -> tuple[frozenset[str], ...]:
    if reader.book in MODERN_BOOKS:
        return tuple(map(tones_of, _read_today(line, reader.usual)))
    if not reader.usual:
        return tuple(map(tones, line))
    read = list(map(usual_tones, line))
    decided: dict[int, set[str]] = {}
    for place, word in words(line):
        for at, tone in enumerate(word_tones(word), start=place):
            if tone:
                decided.setdefault(at, set()).add(tone)
    for at, found in decided.items():  # where two words overlap, either may be meant
        read[at] = frozenset(found)
    return tuple(read)


@lru_cache(maxsize=1024)
def _read_today(line: str, by_words: bool) -> tuple[frozenset[str], ...]:
    """The readings of the characters of a line today, as modern.py has them, and as words decide."""
    found: dict[int, frozenset[str]] = {}
    for place, word in words(line) if by_words else ():
        for at, read in enumerate(modern_word(word) or (), start=place):
            found[at] = found.get(at, frozenset()) | read
    return tuple(found.get(at) or modern_readings(char) for at, char in enumerate(line))


def words(line: str) -> Iterator[tuple[int, str]]:
    """Every two characters side by side that no pause of the line parts, with the place of the first, from 0.

    >>> [word for _, word in words("日长江上雨")]
    ['日长', '江上', '上雨']
    """
    pauses = PAUSES.get(len(line), ())
    for place in range(len(line) - 1):
        if place + 1 not in pauses:
            yield place, line[place : place + 2]


def deciding_words(book: str = PINGSHUI) -> Iterable[str]:
    """The words of two characters that say how one of them is read, by the books of old or of today.

    >>> "相思" in deciding_words(), "长大" in deciding_words("中华新韵")
    (True, True)
    """
    return modern_words() if book in MODERN_BOOKS else _word_tones()


def word_tones(word: str) -> tuple[str, str]:
    """The tones that a word of two characters gives them, "" where it leaves one as it usually is.

    >>> word_tones("珍重"), word_tones("重阳"), word_tones("东风")
    (('', '仄'), ('平', ''), ('', ''))
    """
    return _word_tones().get(word, ("", ""))


@cache
def _word_tones() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for shapes, *lists in read_table("prosody", "words.tsv", 3):
        for tone, listed in zip((LEVEL, OBLIQUE), lists, strict=True):
            for word in listed.split():
                first, second = found.get(word, ("", ""))
                found[word] = (tone if word[0] in shapes else first, tone if word[1] in shapes else second)
    return found
