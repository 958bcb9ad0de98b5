"""The figures of poems, whoever wrote them: what each means, how it is counted, and how far it can be trusted.

Shares are from 0 to 1. Form, rhyme and meter are those of prosody.check, by which any reading of a character counts.
Intervals hold 95 % and come from a bootstrap over poems (Efron 1979), so that a few odd poems do not pass for a rule.

Shapes: N poems, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poetgen.prosody import check
from poetgen.text import clauses, is_han

#: Every figure that `poetgen evaluate` reports, by name, with its definition.
DEFINITIONS: Final = {
    "ppl_char": "perplexity over the Han characters of a body, given title and form; unknown ones charged as [UNK] and "
    "the choice among what the vocabulary leaves out",
    "ppl_all": "the same over characters, punctuation and the end of the poem",
    "bpc": "bits per character, over the same tokens as ppl_all; meant for plain text",
    "characters": "Han characters that were scored",
    "unknown": "of these, how many the vocabulary lacks",
    "form": "share of the poems with the number of lines and characters that the form asks",
    "rhyme": "share of the poems whose even lines end in one level rhyme of the 平水韵; any reading counts",
    "meter": "share of the poems that one of the form's tone patterns fits; any reading counts",
    "distinct-1": "distinct characters divided by all, over as many poems in each column",
    "distinct-2": "distinct pairs of characters within lines divided by all, over as many poems",
    "distinct-1 in a poem": "mean of the same ratio within one poem",
    "distinct-2 in a poem": "mean of the same ratio within one poem",
    "novelty": "share of the lines that stand in no poem of the training corpus",
    "copied, median": "longest run of characters of a poem that stands in one of the corpus, the median poem's",
    "copied, 99 %": "the same, for the poem of the 99th percentile",
    "repeats": "share of the poems in which a line, or a word of two characters outside reduplication, comes twice",
    "relevance": "mean reciprocal rank of a poem's own title among 20, by the likelihood of the poem under the "
    "checkpoint that wrote it, or else the first; 0.18 by chance",
    "relevance, human": "the same of the human poems, under each checkpoint",
    "critic": "AUC of a bidirectional LSTM that tells these poems from human ones; 0.5: it cannot",
    "n-gram judge": "the same, of a logistic regression on runs of one to three characters",
}

#: Resamples of a bootstrap.
RESAMPLES: Final = 1000
#: Groups that the jackknife leaves out, one at a time.
_GROUPS: Final = 20


# Intervals -------------------------------------------------------------------------------------------------------


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


def interval(value: float, found: ArrayLike, poems: int) -> Estimate:
    """An estimate whose interval holds the middle 95 % of what the resamples gave; one poem tells of none."""
    if poems < 2:
        return Estimate(value, math.nan, math.nan, poems)
    low, high = np.quantile(np.asarray(found, dtype=np.float64), (0.025, 0.975))
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
    found = [scale(a / b) for a, b in sums if b]
    return interval(scale(top.sum() / bottom.sum()), found, len(top))


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
    found = np.asarray(values, dtype=np.float64)
    if not len(found):
        return Estimate(math.nan, math.nan, math.nan, 0)
    again = [np.quantile(found[drawn], share) for drawn in resamples(len(found), seed)]
    return interval(float(np.quantile(found, share)), again, len(found))


# Text ------------------------------------------------------------------------------------------------------------


def of_form(poems: Sequence[str], form: str, seed: int = 0) -> dict[str, Estimate]:
    """Form, rhyme, meter, repeats and variety within one poem, of poems of a regulated form, by their names.

    >>> of_form(["白日依山尽，黄河入海流。欲穷千里目，更上一层楼。", "春眠不觉晓。"], "五绝")["rhyme"].value
    0.5
    """
    verdicts = [check(clauses(poem), form) for poem in poems]
    values: dict[str, Sequence[float]] = {
        name: [getattr(verdict, name) for verdict in verdicts] for name in ("form", "rhyme", "meter")
    }
    values["repeats"] = list(map(repeats, poems))
    within = {f"distinct-{size} in a poem": [distinct([poem], size) for poem in poems] for size in (1, 2)}
    shares = {name: share(found, seed=seed) for name, found in values.items()}
    return shares | {name: ratio(found, seed=seed) for name, found in within.items()}


def distinct(poems: Iterable[str], length: int) -> float:
    """Distinct runs of `length` Han characters within lines, divided by all of them; 1 where there are none.

    >>> distinct(["春江春水，", "江水。"], 1), distinct(["春江春水，", "江水。"], 2)
    (0.5, 1.0)
    """
    grams = [gram for poem in poems for gram in _grams(poem, length)]
    return len(set(grams)) / len(grams) if grams else 1.0


def variety(poems: Sequence[str], length: int) -> Estimate:
    """`distinct` over all poems together.

    A poem drawn twice would count as repetition, so that the interval is a jackknife's over groups of poems (Quenouille
    1949; Tukey 1958) and no bootstrap's.
    """
    value = distinct(poems, length)
    groups = min(_GROUPS, len(poems))
    if groups < 2:
        return Estimate(value, math.nan, math.nan, len(poems))
    without = [
        distinct((poem for place, poem in enumerate(poems) if place % groups != left), length) for left in range(groups)
    ]
    error = math.sqrt((groups - 1) * float(np.var(without)))
    return Estimate(value, max(0.0, value - 1.96 * error), min(1.0, value + 1.96 * error), len(poems))


def repeats(poem: str) -> bool:
    """Whether a line, or a word of two characters outside reduplication, comes twice.

    >>> repeats("春江潮水，春江月明。"), repeats("萧萧落木，萧萧雨。")
    (True, False)
    """
    lines = clauses(poem)
    words = [word for word in _grams(poem, 2) if word[0] != word[1]]
    return len(set(lines)) < len(lines) or len(set(words)) < len(words)


def _grams(poem: str, length: int) -> list[str]:
    runs = ("".join(run) for line in clauses(poem) for is_text, run in groupby(line, is_han) if is_text)
    return [run[at : at + length] for run in runs for at in range(len(run) - length + 1)]
