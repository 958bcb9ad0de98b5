"""The drafts of a poem that has to hold something go through its lines together: sequential Monte Carlo.

    line 1   ● ● ● ● ● ● ● ●      each draft is weighed by the probability that its masks left it at every step
    line 2   ● ● ●   ● ● ●   ●    the weak are dropped,
             ● ● ● ↖ ● ● ● ↖ ●    and the strong go on in their place as well

Masks alone lead into dead ends of sense: a draft that was forced to an unlikely character counts as much as one that
came to it by itself. The weights set that right (Lew et al. 2023, "Sequential Monte Carlo Steering of Large Language
Models using Probabilistic Programs"). Drafts are drawn again, systematically, where their weights come to the worth of
fewer than half of them.

Shapes: N drafts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: The most drafts that go together; fewer than the slots of the smallest batch, so that all of them are under way.
POPULATION: Final = 8
#: The share of the drafts below which the worth of the weights leads to new ones.
_ENOUGH: Final = 0.5


class Population:
    """Drafts that wait for each other at the end of each line; `size` of them are still being written."""

    def __init__(self, size: int, random: np.random.Generator) -> None:
        self.size, self._random = size, random

    def ancestors(self, log_weights: Sequence[float]) -> list[int]:
        """For each of N drafts the one whose text it goes on with, itself where it is not dropped."""
        weights = np.exp(np.array(log_weights) - max(log_weights))
        weights /= weights.sum()
        if 1 / (weights**2).sum() >= _ENOUGH * len(weights):
            return list(range(len(weights)))
        return systematic(weights, self._random.random())


def systematic(weights: NDArray[np.float64], draw: float) -> list[int]:
    """Systematic resampling of N weights that sum to one, by a draw from [0, 1); who survives stays where it is.

    >>> systematic(np.array([0.6, 0.1, 0.1, 0.2]), 0.5)
    [0, 1, 0, 3]
    """
    count = len(weights)
    points = (np.arange(count) + draw) / count
    drawn = np.minimum(np.searchsorted(weights.cumsum(), points, side="right"), count - 1)
    copies = np.bincount(drawn, minlength=count)
    spare = iter([draft for draft in range(count) for _ in range(int(copies[draft]) - 1)])
    return [draft if copies[draft] else next(spare) for draft in range(count)]
