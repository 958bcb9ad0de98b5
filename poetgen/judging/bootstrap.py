"""How far a figure can be trusted: 95 % intervals from a bootstrap over poems (Efron 1979).

Resampling whole poems, and not their lines or characters, keeps a few odd poems from passing for a rule.

Shapes: N poems, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Resamples of a bootstrap.
RESAMPLES: Final = 1000


class Estimate(NamedTuple):
    """A figure, the ends of its 95 % interval, and over how many poems it was taken."""

    value: float
    low: float
    high: float
    poems: int


def resamples(count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """The numbers of poems in each of R resamples, (count,), drawn with replacement."""
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield rng.integers(count, size=count)


def interval(value: float, resampled: ArrayLike, poems: int) -> Estimate:
    """An estimate whose interval holds the middle 95 % of what the resamples gave; one poem tells of none."""
    if poems < 2:
        return Estimate(value, math.nan, math.nan, poems)
    with np.errstate(invalid="ignore"):  # between infinite figures there is no number
        low, high = np.quantile(np.asarray(resampled, dtype=np.float64), (0.025, 0.975))
    return Estimate(value, float(low), float(high), poems)


def ratio(
    over: ArrayLike, under: ArrayLike | None = None, seed: int = 0, scale: Callable[[float], float] = float
) -> Estimate:
    """scale(sum of `over` / sum of `under`), both (N,), one number a poem; `under` None counts poems.

    >>> ratio([1, 1, 1], [2, 2, 2])
    Estimate(value=0.5, low=0.5, high=0.5, poems=3)
    """
    top = np.asarray(over, dtype=np.float64)
    bottom = np.ones_like(top) if under is None else np.asarray(under, dtype=np.float64)
    if not bottom.sum():
        return Estimate(math.nan, math.nan, math.nan, len(top))
    sums = [(top[drawn].sum(), bottom[drawn].sum()) for drawn in resamples(len(top), seed)]
    resampled = [scale(a / b) for a, b in sums if b]
    return interval(scale(top.sum() / bottom.sum()), resampled, len(top))


def share(over: ArrayLike, under: ArrayLike | None = None, seed: int = 0) -> Estimate:
    """The ratio of what poems have of a thing to what they could have, as `ratio` takes it: a poem, or lines of it.

    >>> share([1] * 100).low > 0.96
    True
    """
    return exact(ratio(over, under, seed), np.size(over))


def exact(estimate: Estimate, count: int) -> Estimate:
    """An estimate whose interval has two ends even where all of `count` trials, or none, came out alike.

    Resamples then know of nothing else; the other end is the share that so many would miss once in forty times (Clopper
    & Pearson 1934).
    """
    missed = 1 - 0.025 ** (1 / count) if count else math.nan
    if estimate.value in (0, 1) and not estimate.low < estimate.high:
        low, high = (1 - missed, 1.0) if estimate.value else (0.0, missed)
        return estimate._replace(low=low, high=high)
    return estimate


def quantile(values: ArrayLike, share: float, seed: int = 0) -> Estimate:
    """A quantile of (N,) numbers, one a poem."""
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers):
        return Estimate(math.nan, math.nan, math.nan, 0)
    with np.errstate(invalid="ignore"):
        again = [np.quantile(numbers[drawn], share) for drawn in resamples(len(numbers), seed)]
        return interval(float(np.quantile(numbers, share)), again, len(numbers))
