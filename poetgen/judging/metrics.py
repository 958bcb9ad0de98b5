"""Measures of the text of poems, whoever wrote them: form, rhyme, meter, repeats and variety.

Shares are from 0 to 1. Form, rhyme and meter are those of prosody.check, by which any reading of a character counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import numpy as np

from poetgen.judging.bootstrap import Estimate, ratio, share
from poetgen.prosody import check
from poetgen.text import clauses, is_han

#: Groups that the jackknife leaves out, one at a time.
_GROUPS: Final = 20


def of_form(poems: Sequence[str], form: str, seed: int = 0) -> dict[str, Estimate]:
    """Form, rhyme, meter, repeats and variety within one poem, of poems of a regulated form, by their names.

    >>> of_form(["白日依山尽，黄河入海流。欲穷千里目，更上一层楼。", "春眠不觉晓。"], "五绝")["rhyme"].value
    0.5
    """
    verdicts = [check(clauses(poem), form) for poem in poems]
    values: dict[str, Sequence[float]] = {
        name: [getattr(verdict, name) for verdict in verdicts] for name in ("form", "rhyme", "meter")
    }
    values["repeats"] = list(map(repeats_itself, poems))
    within = {f"distinct-{size} in a poem": [distinct([poem], size) for poem in poems] for size in (1, 2)}
    shares = {name: share(per_poem, seed=seed) for name, per_poem in values.items()}
    return shares | {name: ratio(per_poem, seed=seed) for name, per_poem in within.items()}


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


def repeats_itself(poem: str) -> bool:
    """Whether a line, or a word of two characters outside reduplication, comes twice.

    >>> repeats_itself("春江潮水，春江月明。"), repeats_itself("萧萧落木，萧萧雨。")
    (True, False)
    """
    lines = clauses(poem)
    words = [word for word in _grams(poem, 2) if word[0] != word[1]]
    return len(set(lines)) < len(lines) or len(set(words)) < len(words)


def _grams(poem: str, length: int) -> list[str]:
    runs = ("".join(run) for line in clauses(poem) for is_text, run in groupby(line, is_han) if is_text)
    return [run[at : at + length] for run in runs for at in range(len(run) - length + 1)]
