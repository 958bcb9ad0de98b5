"""How the next character is chosen: the best by score, cut by top-k and top-p, and drawn at a temperature.

Shapes: S slots, V vocabulary, K candidates for a character.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from poetgen.config import SampleConfig


def best_candidates(
    scores: Tensor, rows: Sequence[int], top_k: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The best of some rows of scores (S, V) by falling score, at least top_k of each, and their ids.

    Ties stand in the order of ids, at the cut too: the same on every machine, and beside rows of another top_k.
    """
    most = max(top_k) + 1
    while True:
        most = min(most, scores.shape[1])
        values, ids = (best.cpu().numpy()[rows] for best in scores.topk(most))
        order = np.lexsort((ids, -values))
        values, ids = np.take_along_axis(values, order, 1), np.take_along_axis(ids, order, 1)
        cut = values[np.arange(len(rows)), np.minimum(top_k, most) - 1]
        if most == scores.shape[1] or not ((cut == values[:, -1]) & np.isfinite(cut)).any():
            return values.astype(np.float64), ids
        most *= 8


def pick(scores: NDArray[np.float64], configs: Sequence[SampleConfig], draws: Sequence[float]) -> NDArray[np.int64]:
    """The place chosen among candidates sorted by falling score (S, K), by draws from [0, 1); (S,).

    The first `top_k` candidates, and of these the fewest that hold `top_p` of the probability at this temperature;
    temperature 0 takes the first.
    """
    top_k, top_p, temperature = (
        np.array([getattr(config, name) for config in configs])[:, None] for name in ("top_k", "top_p", "temperature")
    )
    with np.errstate(over="ignore"):  # a temperature next to nothing leaves the first alone
        scaled = (scores - scores[:, :1]) / np.where(temperature > 0, temperature, 1.0)
    weights = np.where(np.arange(scores.shape[1]) < top_k, np.exp(scaled), 0.0)
    mass = weights.cumsum(1)
    before = mass - weights
    kept = (weights > 0) & ((before < top_p * mass[:, -1:]) | (top_p >= 1))
    kept[:, 0] = True
    last = kept.shape[1] - 1 - kept[:, ::-1].argmax(1)
    target = np.array(draws) * mass[np.arange(len(mass)), last]
    places = np.minimum((mass <= target[:, None]).sum(1), last)
    return np.where(temperature[:, 0] > 0, places, 0)
