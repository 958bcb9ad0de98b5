"""Character vectors by skip-gram with negative sampling (Mikolov et al. 2013), from the bodies of a split.

A character's vector learns to tell the characters that stand near it from some drawn at random. No library does it
here: the text is ids already, the vocabulary and the device are at hand, and what is left to do is a few lines. All
characters of a batch count against the same drawn ones, so that scores are matrix products (Ji et al. 2016,
"Parallelizing Word2Vec in Shared and Distributed Memory"), and so are those of neighbours, with a band of weights.

Shapes: R rows of T characters, K drawn characters, V vocabulary, E width, C characters of a batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from poetgen.data.dataset import Split
from poetgen.progress import ProgressCallback, silent

#: Neighbours on each side that a character learns to know; the nearer count more.
WINDOW = 4
#: Drawn characters that a pair of neighbours counts against, and how many a batch draws to stand for them.
NEGATIVES, DRAWN = 5, 128
#: What makes up a greater share of the text than this is thinned out.
FREQUENT = 1e-3
#: A small corpus is read PASSES times, of a large one CHARACTERS are read: on two cores twenty seconds' work.
PASSES, CHARACTERS = 20, 6_000_000
#: Characters of a batch before thinning, and T: a batch, end to end, is cut into rows; one pair in fifty is lost by it.
BATCH, ROW = 2048, 64
RATE = 0.1


def vectors(
    split: Split,
    width: int,
    seed: int,
    seconds: float = math.inf,
    device: torch.device | str = "cpu",
    progress: ProgressCallback = silent,
    stop: Callable[[], bool] = lambda: False,
) -> Tensor | None:
    """(V, E) fp32 vectors, on the CPU, of the characters of a split's bodies; zeros for tokens that were not read.

    None if `stop`, which is asked after every batch, says so.

    `seconds` may end the work early, between two batches. Otherwise one seed gives the same vectors wherever the
    arithmetic is the same: on a CPU with so many threads. `progress` is told how many characters are read, and of how
    many. Draws nothing from torch's random numbers.
    """
    began = time.monotonic()
    counts = _counts(split)
    size = int(counts.sum())
    rng = np.random.default_rng(seed)
    start = torch.from_numpy((rng.random((len(counts), width), np.float32) - 0.5) / width)
    inner, outer = start.to(device).requires_grad_(), torch.zeros_like(start, device=device).requires_grad_()
    optimizer = torch.optim.Adagrad([inner, outer], lr=RATE)
    kept = np.sqrt(FREQUENT * size / np.maximum(counts, 1))
    chances = np.cumsum(counts**0.75)
    read = torch.zeros(len(counts), 1)
    done, total = 0, min(PASSES * size, CHARACTERS)
    with torch.sparse.check_sparse_tensor_invariants(False):  # type: ignore[no-untyped-call]  # or torch warns
        for ids, poems in _batches(split, rng):
            if stop():
                return None
            if done >= total or time.monotonic() - began >= seconds:
                break
            thinned = rng.random(len(ids)) < kept[ids]
            drawn = np.searchsorted(chances, rng.random(DRAWN) * chances[-1], side="right")
            arrays = (*_rows(ids[thinned], poems[thinned]), drawn)
            optimizer.zero_grad()
            loss = _loss(inner, outer, *(torch.from_numpy(array).to(device) for array in arrays))
            torch.autograd.backward(loss)
            optimizer.step()
            read[ids[thinned]] = 1
            done += len(ids)
            progress(min(done, total), total)
    return inner.detach().cpu() * read


def _loss(inner: Tensor, outer: Tensor, text: Tensor, weights: Tensor, drawn: Tensor) -> Tensor:
    """Summed over the pairs of a text (R, T), each as often as `weights` (R, T, T) says, and what is drawn (K,)."""
    centre, context, other = (
        F.embedding(ids, table, sparse=True) for ids, table in ((text, inner), (text, outer), (drawn, outer))
    )
    near = F.logsigmoid(centre @ context.mT)  # (R, T, T)
    far = F.logsigmoid(-centre @ other.T)  # (R, T, K)
    return -(weights * near).sum() - NEGATIVES / len(drawn) * (weights.sum(2, keepdim=True) * far).sum()


def _rows(ids: NDArray[np.int64], poems: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """A text (C,) in rows (R, T), and how much each pair within a row counts, (R, T, T).

    Pairs of a poem count as often as they are seen if each window's reach is drawn evenly from 1 to WINDOW, as word2vec
    does.
    """
    fill = -len(ids) % ROW
    text = np.pad(ids, (0, fill)).reshape(-1, ROW)
    own = np.append(poems, -1 - np.arange(fill)).reshape(-1, ROW)  # what fills the last row is no poem
    apart = np.abs(np.subtract.outer(np.arange(ROW), np.arange(ROW)))
    weights = np.where(apart > 0, np.maximum(0, WINDOW + 1 - apart) / WINDOW, 0).astype(np.float32)
    return text, weights * (own[:, :, None] == own[:, None, :])


def _counts(split: Split) -> NDArray[np.int64]:
    """(V,) how often each token comes in the bodies."""
    counts = split.frequencies()
    counts[split.layout.end] -= len(split)
    return counts


def _batches(split: Split, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The bodies without end, each time in a new order: ids (C,), and the number of the poem that each is of.

    Poems are not cut; C is about BATCH, or the length of a longer poem.
    """
    sizes = split.body_sizes
    while True:
        order = rng.permutation(len(split))
        cuts = np.searchsorted(np.cumsum(sizes[order]), np.arange(BATCH, sizes.sum(), BATCH), side="right")
        for poems in np.split(order, cuts):
            yield split.body_tokens(poems).astype(np.int64), np.repeat(poems, sizes[poems])
