"""Connected components: which members of a set hang together, if only by way of others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def connected_components(count: int, one_end: NDArray[np.int64], other_end: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) for each of N = `count` members the first member of its component.

    `one_end` and `other_end` (E,) are what each of E links joins. Members take the least number among their
    neighbours', and that number's own, until nothing moves: a few rounds, for the way is halved in each (Shiloach &
    Vishkin 1982).

    >>> connected_components(5, np.array([3, 4]), np.array([4, 1])).tolist()
    [0, 1, 2, 1, 1]
    """
    first = np.arange(count)
    while True:
        here, there = first[one_end], first[other_end]
        if (here == there).all():
            return first
        least = np.minimum(here, there)
        np.minimum.at(first, here, least)
        np.minimum.at(first, there, least)
        while not np.array_equal(shorter := first[first], first):
            first = shorter
