"""What poems say of two characters that stand side by side: which tone a place asks of one of them, and where.

Counted are the regulated poems that fit one opening alone (usual_readings.py), and pairs within a unit of the line:
two characters and three of five, two, two and three of seven. A pair is told by `first * V + second`, V the size of
the vocabulary; which of the two has the tone in question says `side`, 0 the second and 1 the first.

Columns of the counts, shape (pairs, 6): the place asked 平, or 仄, where it might have asked either; and for the first
of a pair the places that ask one tone strictly, each with a free place that stands in just such lines, which says how
often the pair would be there if both tones were fine:

    平平仄仄平   the first must be 平 (孤平) unless the third is      平平平仄仄   the first is free
    仄仄仄平平   the third must be 仄 (三平尾)                        仄仄平平仄   the third is free
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEVEL_BIT, OBLIQUE_BIT = 1, 2
ASKED_LEVEL, ASKED_OBLIQUE, FIRST_LEVEL, FIRST_FREE, THIRD_OBLIQUE, THIRD_FREE = range(6)
#: Tails of lines: the place of the last five that is looked at, and the column that counts it.
_TAILS = {
    "平平仄仄平": (0, FIRST_LEVEL),
    "平平平仄仄": (0, FIRST_FREE),
    "仄仄仄平平": (2, THIRD_OBLIQUE),
    "仄仄平平仄": (2, THIRD_FREE),
}


class PairUses:
    """Gathers the counts of pairs, poem by poem."""

    def __init__(self, known: NDArray[np.uint8]) -> None:
        self.known = known
        self._found: tuple[list[tuple[Ids, int]], list[tuple[Ids, int]]] = ([], [])

    def add(self, poems: Ids, pattern: Sequence[str], bits: NDArray[np.uint8]) -> None:
        """Count poems (N, lines, length) that fit a pattern; `bits` (lines, length) is what places ask, 0: nothing."""
        length = poems.shape[2]
        units = [range(2), range(2, 5)] if length == 5 else [range(2), range(2, 4), range(4, 7)]
        for number, line in enumerate(pattern):
            chars = poems[:, number]
            for place in np.flatnonzero(bits[number]).tolist():
                unit = next(unit for unit in units if place in unit)
                column = ASKED_LEVEL if bits[number, place] == LEVEL_BIT else ASKED_OBLIQUE
                if place - 1 in unit:
                    self._count(0, chars[:, place - 1], chars[:, place], column)
                if place + 1 in unit:
                    self._count(1, chars[:, place], chars[:, place + 1], column)
            place, column = _TAILS[line[-5:]]
            rows = chars
            if column == FIRST_LEVEL:
                rows = chars[self.known[chars[:, -3]] == OBLIQUE_BIT]
            elif place == 2:  # the fourth may be oblique by licence, and then the third is another matter
                rows = chars[self.known[chars[:, -2]] == LEVEL_BIT]
            self._count(1, rows[:, length - 5 + place], rows[:, length - 4 + place], column)

    def _count(self, side: int, first: Ids, second: Ids, column: int) -> None:
        unsure = self.known[(second, first)[side]] == LEVEL_BIT | OBLIQUE_BIT
        self._found[side].append((first[unsure] * len(self.known) + second[unsure], column))

    def counts(self, side: int) -> tuple[Ids, Ids]:
        """(pairs,) and (pairs, 6): the pairs of one side and how often they stood where."""
        if not self._found[side]:
            return np.zeros(0, dtype=np.int64), np.zeros((0, 6), dtype=np.int64)
        keys = np.concatenate([keys for keys, _ in self._found[side]])
        columns = np.repeat([column for _, column in self._found[side]], [len(keys) for keys, _ in self._found[side]])
        pairs, places = np.unique(keys, return_inverse=True)
        counts = np.zeros((len(pairs), 6), dtype=np.int64)
        np.add.at(counts, (places, columns), 1)
        return pairs, counts


def rare_in_pairs(counts: Ids, usual: NDArray[np.float64], share: float, chance: float) -> Iterator[tuple[int, int]]:
    """The rows of `counts` in which a tone is rare, with its bit.

    A tone is rare in a pair if it has at most `share` of the places that could have asked for it, and if so few are
    less likely than `chance` where the character is read as it is elsewhere; `usual` (pairs, 2) is how often it is 平
    and 仄.
    """
    either = counts[:, ASKED_LEVEL] + counts[:, ASKED_OBLIQUE]
    for column, strict, free in ((ASKED_LEVEL, FIRST_LEVEL, FIRST_FREE), (ASKED_OBLIQUE, THIRD_OBLIQUE, THIRD_FREE)):
        used = counts[:, column] + counts[:, strict]
        could = either + counts[:, strict] + counts[:, free]
        for row in np.flatnonzero((used <= share * could) & (could > 0)).tolist():
            if _at_most(int(used[row]), int(could[row]), float(usual[row, column])) < chance:
                yield row, (LEVEL_BIT, OBLIQUE_BIT)[column]


def _at_most(used: int, of: int, share: float) -> float:
    """The probability of at most `used` of `of` draws, each of which succeeds with probability `share`.

    >>> round(_at_most(0, 7, 0.5), 4), _at_most(3, 3, 0.2)
    (0.0078, 1.0)
    """
    if used >= of:
        return 1.0
    if share <= 0 or share >= 1:
        return float(share <= 0)
    term = total = (1 - share) ** of
    for drawn in range(1, used + 1):
        term *= (of - drawn + 1) / drawn * share / (1 - share)
        total += term
    return min(total, 1.0)
