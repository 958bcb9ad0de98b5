"""对仗: whether the lines of a couplet answer each other, character by character and word by word.

What answers what is learned from the middle couplets of the archive's 律诗: parallel.tsv has a vector v for every
character, so that 1 + v(x) · v(y) is how much more often x stands above y than chance would have it (correspondence
analysis; scripts/parallel_pairs.py makes the table and fits the weights). It is a statistic, and says how sure it is.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import mul
from typing import Final

from poetgen.files import read_table
from poetgen.language import Phrase

#: The classes of characters.
CLASSES: Final[Mapping[str, Phrase]] = {
    "n": Phrase("noun"),
    "v": Phrase("verb"),
    "a": Phrase("adjective"),
    "m": Phrase("number"),
    "f": Phrase("place word"),
    "c": Phrase("colour"),
    "d": Phrase("adverb"),
    "r": Phrase("pronoun"),
    "u": Phrase("particle"),
}

#: How much like each other a character is to itself (it must not answer itself), and the least that counts.
SAME, UNLIKE = -1.5, 0.1
#: What makes a probability of the mean likeness, of each doubling that is not answered, and of nothing.
_MEAN, _DOUBLING, _CONSTANT = 3.6, -2.3, -0.57
#: The share of a couplet that must say the same twice to be 合掌.
_SAME_MEANING: Final = 0.6


@dataclass(frozen=True, slots=True)
class CoupletJudgement:
    """A couplet of two lines of one length.

    `sure` is the probability that it is parallel; `weakest` the place, from one, that answers least, 0 where nothing is
    known; `same` the places whose characters, or the words around them, mean the same.
    """

    upper: str
    lower: str
    sure: float
    weakest: int
    same: tuple[int, ...]

    @property
    def parallel(self) -> bool:
        return self.sure >= 0.5

    @property
    def says_twice(self) -> bool:
        """合掌: whether most of the lower line says what the upper one says."""
        return len(self.same) >= _SAME_MEANING * len(self.upper)

    @property
    def repeated(self) -> tuple[int, ...]:
        """The places, from one, at which a character answers itself."""
        return tuple(place for place, (x, y) in enumerate(zip(self.upper, self.lower, strict=True), 1) if x == y)


def judge_couplet(upper: str, lower: str) -> CoupletJudgement:
    """How parallel two lines of one length are.

    >>> judge_couplet("明月松间照", "清泉石上流").parallel, judge_couplet("随意春芳歇", "王孙自可留").parallel
    (True, False)
    """
    pairs = [(likeness(x, y), place) for place, (x, y) in enumerate(zip(upper, lower, strict=True), start=1)]
    known = [(value, place) for value, place in pairs if value is not None]
    mean = sum(value for value, _ in known) / len(known) if known else 0.0
    unanswered = len(doublings(upper) ^ doublings(lower))
    sure = 1 / (1 + math.exp(-(_MEAN * mean + _DOUBLING * unanswered + _CONSTANT)))
    return CoupletJudgement(upper, lower, sure, min(known)[1] if known else 0, _same_meaning(upper, lower))


def word_class(char: str) -> Phrase | None:
    """The class of a character, None where it is too rare to tell."""
    row = _table().get(char)
    return CLASSES[row[0]] if row else None


def doublings(line: str) -> frozenset[int]:
    """The places of characters that come twice in a row, as in 萧萧.

    >>> doublings("无边落木萧萧下")
    frozenset({4})
    """
    return frozenset(place for place, (one, other) in enumerate(zip(line, line[1:], strict=False)) if one == other)


@lru_cache(maxsize=1 << 16)
def likeness(one: str, other: str) -> float | None:
    """The logarithm of how much more often two characters answer each other than chance has it.

    None where one of them is too rare to tell.
    """
    if one == other:
        return SAME
    ours, theirs = vector(one), vector(other)
    if ours is None or theirs is None:
        return None
    return math.log(max(UNLIKE, 1 + ours[0] * theirs[0] * sum(map(mul, ours[1], theirs[1]))))


@cache
def _table() -> dict[str, tuple[str, str, str]]:
    """Character -> its class, the scale and the bytes of its vector."""
    return {
        shape: (kind, scale, data)
        for shapes, kind, scale, data in read_table("prosody", "parallel.tsv", 4)
        for shape in shapes
    }


@cache
def vector(char: str) -> tuple[float, Sequence[int]] | None:
    """The vector of a character as a scale and whole numbers; None where it is too rare to tell."""
    row = _table().get(char)
    return (float(row[1]), memoryview(base64.b64decode(row[2])).cast("b")) if row else None


def _same_meaning(upper: str, lower: str) -> tuple[int, ...]:
    """The places of characters and of two-character words that are synonyms of those they answer."""
    meanings = _meanings()
    found = set()
    for size in (1, 2):
        for start in range(len(upper) - size + 1):
            one, other = upper[start : start + size], lower[start : start + size]
            if one != other and meanings.get(one, frozenset()) & meanings.get(other, frozenset()):
                found |= set(range(start + 1, start + size + 1))
    return tuple(sorted(found))


@cache
def _meanings() -> dict[str, frozenset[int]]:
    """Character or word -> the numbers of the rows of synonyms.tsv that have it."""
    found: dict[str, set[int]] = {}
    for number, (words,) in enumerate(read_table("prosody", "synonyms.tsv", 1)):
        for word in words.split():
            found.setdefault(word, set()).add(number)
    return {word: frozenset(rows) for word, rows in found.items()}
