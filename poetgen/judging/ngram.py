"""The baseline of every perplexity: an interpolated n-gram model with modified Kneser–Ney smoothing, in NumPy.

    [BODY] 春 眠 不 觉 晓 … [END]      a body as it is counted: without its header, [BODY] for the start
           ├──────┤                  an n-gram: the key of 春眠不 is (number of 春眠) × V + (id of 不),
                                     its number the place of that key among the sorted keys of its order

With a(·) the count of an n-gram of the highest order, and below that how many different tokens stand before it (its
count again where it begins with the start, before which nothing stands), and h' for h less its first token,

    p(w | h) = (a(hw) − D(a(hw))) / a(h·) + b(h) p(w | h'),    b(h) = Σ D(a(hx)) / a(h·)

down to 1/V. Where h was never seen, p(w | h) = p(w | h'). The start is in the vocabulary but follows nothing: its count
is 0, and it has its share of the 1/V alone, as any token that training lacks. (Kneser & Ney 1995; Chen & Goodman 1998;
counts and discounts as in lmplz, Heafield et al. 2013.) No maintained library fits: NLTK's has one fixed discount and
is for toy sizes, KenLM's Python package only queries.

Shapes: T tokens of some bodies, end to end; V vocabulary; G n-grams of an order; C contexts: the n-grams one below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poetgen.data.dataset import Split
from poetgen.data.sequence import Ids
from poetgen.data.vocab import UNK, Vocab, unknown_nats
from poetgen.errors import DatasetError
from poetgen.progress import ProgressCallback, silent

#: Discounts of the counts 1, 2 and 3+ where a corpus is too small to estimate them, as lmplz --discount_fallback has.
FALLBACK = (0.5, 1.0, 1.5)

#: N-grams are numbered with 32 bits.
_MOST = 2**31 - 1
#: Tokens read or scored at a time, which bounds the scratch memory.
_CHUNK = 1 << 20


def discounts(counts_of_counts: Sequence[int]) -> tuple[float, float, float]:
    """What is taken from counts of 1, 2 and 3 or more, given how many n-grams have a count of 1, 2, 3 and 4.

    D(k) = k − (k + 1) Y t(k+1) / t(k) with Y = t(1) / (t(1) + 2 t(2)) (Chen & Goodman 1998, equation 26). FALLBACK
    where one of them is not above 0, or divides by zero, as in small corpora.

    >>> [round(discount, 3) for discount in discounts([100, 40, 20, 10])]
    [0.556, 1.167, 1.889]
    >>> discounts([7, 0, 1, 0])
    (0.5, 1.0, 1.5)
    """
    if not all(counts_of_counts[:3]):
        return FALLBACK
    once, twice, three, four = counts_of_counts
    share = once / (once + 2 * twice)
    estimates = (1 - 2 * share * twice / once, 2 - 3 * share * three / twice, 3 - 4 * share * four / three)
    return estimates if min(estimates) > 0 else FALLBACK


@dataclass(frozen=True)
class Level:
    """The n-grams of one order: their `keys`, sorted, and adjusted `counts`, both (G,), and their `discounts` (4,).

    `totals` (C,) sums the counts that share a context, `backoffs` (C,) is what the discounts leave to the order below:
    1 where nothing follows.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int32]
    discounts: NDArray[np.float64]
    totals: NDArray[np.int32]
    backoffs: NDArray[np.float64]

    @classmethod
    def estimate(cls, keys: NDArray[np.int64], counts: NDArray[np.int32], contexts: int, size: int) -> Level:
        """The level of these n-grams, whose `contexts` are numbered from 0, over a vocabulary of `size`."""
        tally = np.bincount(np.minimum(counts, 5), minlength=6)
        taken = np.array([0.0, *discounts(tally[1:5].tolist())])
        prefixes = keys // size
        totals = np.bincount(prefixes, counts, contexts).astype(np.int32)
        left = np.bincount(prefixes, taken[np.minimum(counts, 3)], contexts)
        backoffs = np.divide(left, totals, out=np.ones(contexts), where=totals > 0)
        return cls(keys, counts, taken, totals, backoffs)

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int32]:
        """The numbers of the n-grams with these keys, −1 for those that are not there. Overwrites `keys`."""
        keys, at = _sort(keys, np.arange(len(keys)))  # keys in order find their places several times faster
        places = np.searchsorted(self.keys, keys)
        places[places == len(self.keys)] = 0
        numbers = np.empty(len(keys), dtype=np.int32)
        numbers[at] = np.where(self.keys[places] == keys, places, -1)
        return numbers


class NGram:
    """A model of bodies, one `Level` an order from 1 up; `train` makes one."""

    def __init__(self, vocab: Vocab, start: int, levels: Sequence[Level]) -> None:
        self.vocab = vocab
        self.levels = tuple(levels)
        self._start = start

    @classmethod
    def train(cls, split: Split, order: int = 5, progress: ProgressCallback = silent) -> NGram:
        """Count the bodies of a split, each with its end; nothing is pruned. `progress` gets orders done, and `order`.

        There are fewer levels than `order` where no body is that long. Raises DatasetError where there is no body.
        """
        if order < 1:
            raise ValueError(f"an n-gram has at least one token, not {order}")
        if not len(split):
            raise DatasetError("no poems to count n-grams of: preprocess a corpus that has some")
        start, size = split.layout.body, len(split.layout.vocab)
        stream = np.concatenate([tokens for _, tokens in _streams(split)])
        if len(stream) > _MOST:
            raise DatasetError(f"{len(stream):,} tokens are more than an n-gram model can count: take a part of them")
        starts = stream == start
        numbers = np.zeros(len(stream), dtype=np.int32)
        below = _count(stream, numbers, numbers, size)
        below.counts[below.keys == start] = 0
        levels, contexts = [], 1
        progress(1, order)
        for done in range(2, order + 1):
            grams = _count(stream, _contexts(below.numbers, starts), below.numbers, size)
            if not len(grams.keys):
                break
            before = np.bincount(grams.suffixes, minlength=len(below.keys)).astype(np.int32)
            np.copyto(before, below.counts, where=before == 0)
            levels.append(Level.estimate(below.keys, before, contexts, size))
            below, contexts = grams, len(below.keys)
            progress(done, order)
        levels.append(Level.estimate(below.keys, below.counts, contexts, size))
        return cls(split.layout.vocab, start, levels)

    def poems(
        self, split: Split, progress: ProgressCallback = silent
    ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
        """For each poem of a split, in order: its number, and what its tokens cost.

        The tokens are the ids of its body and its end, (T,), their costs nats, (T,), with the charge of unknown_nats
        on [UNK]. Raises DatasetError where the split has another vocabulary.
        """
        if split.layout.vocab != self.vocab:
            raise DatasetError("the n-gram model and the poems have different vocabularies: count and score in one")
        charge = unknown_nats(self.vocab)
        number = 0
        for sizes, tokens in _streams(split):
            nats = -np.log(self._chances(tokens, tokens == self._start)) + charge * (tokens == UNK)
            ids = tokens.astype(np.int64)
            end = 0
            for size in sizes.tolist():
                begin, end = end + 1, end + size  # without the start
                yield number, ids[begin:end], nats[begin:end]
                number += 1
            progress(number, len(split))

    def probabilities(self, context: Sequence[int]) -> NDArray[np.float64]:
        """(V,) what comes next in a body that begins with the tokens of `context`."""
        size = len(self.vocab)
        given = [self._start, *context]
        given = given[max(0, len(given) + 1 - len(self.levels)) :]
        rows = np.array([[*given, token] for token in range(size)])
        starts = np.zeros(rows.shape, dtype=np.bool_)
        starts[:, 0] = True
        return self._chances(rows.ravel(), starts.ravel()).reshape(rows.shape)[:, -1]

    def _chances(self, tokens: Ids, starts: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(T,) the probability of each token given those before it, back to where the last of `starts` (T,) is set."""
        size = len(self.vocab)
        chances = np.full(len(tokens), 1 / size)
        contexts = np.zeros(len(tokens), dtype=np.int32)
        for level in self.levels:
            at = np.flatnonzero(contexts >= 0)
            chances[at] *= level.backoffs[contexts[at]]
            numbers = np.full(len(tokens), -1, dtype=np.int32)
            numbers[at] = level.find(contexts[at] * np.int64(size) + tokens[at])
            at = np.flatnonzero(numbers >= 0)
            counts = level.counts[numbers[at]]
            chances[at] += (counts - level.discounts[np.minimum(counts, 3)]) / level.totals[contexts[at]]
            contexts = _contexts(numbers, starts)
        return chances


class _Grams(NamedTuple):
    """The n-grams of one order as they stand: (G,) `keys` and `counts`, (T,) the `numbers` of those that end there.

    `suffixes` (G,) numbers each without its first token, one order below.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int32]
    suffixes: NDArray[np.int32]
    numbers: NDArray[np.int32]


def _count(stream: Ids, contexts: NDArray[np.int32], below: NDArray[np.int32], size: int) -> _Grams:
    """Count the n-grams that end at each token whose context is not −1; `below` (T,) numbers their suffixes."""
    at = np.flatnonzero(contexts >= 0)
    keys, at = _sort(contexts[at] * np.int64(size) + stream[at], at)
    first = np.ones(len(keys), dtype=np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    places = np.flatnonzero(first)
    numbers = np.full(len(stream), -1, dtype=np.int32)
    numbers[at] = np.cumsum(first, dtype=np.int32) - np.int32(1)
    counts = np.diff(places, append=len(keys)).astype(np.int32)
    return _Grams(keys[places], counts, below[at[places]], numbers)


def _sort(keys: NDArray[np.int64], at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keys in order, and their places `at` (rising) in that order. Overwrites `keys`.

    A key and its place in one word sort ten times faster than argsort, where the processor sorts in vectors.
    """
    bits = int(at[-1]).bit_length() if len(at) else 0
    if len(keys) and int(keys.max()).bit_length() + bits > 63:
        order = np.argsort(keys, kind="stable")
        return keys[order], at[order]
    keys <<= bits
    keys |= at
    keys.sort()
    at = keys & ((1 << bits) - 1)
    keys >>= bits
    return keys, at


def _contexts(numbers: NDArray[np.int32], starts: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(T,) the number of what ends before each token, −1 where that is of another body."""
    contexts = np.roll(numbers, 1)
    contexts[starts] = -1
    return contexts


def _streams(split: Split) -> Iterator[tuple[NDArray[np.int64], Ids]]:
    """Bodies of about _CHUNK tokens together, each between [BODY] and [END]: their sizes, and their tokens (T,)."""
    sizes = split.body_sizes + 2
    chunks = np.cumsum(sizes) // _CHUNK
    for part in np.split(np.arange(len(split)), np.flatnonzero(np.diff(chunks)) + 1):
        size = sizes[part]
        ends = np.cumsum(size)
        tokens = np.empty(size.sum(), dtype=split.tokens.dtype)
        inside = np.ones(len(tokens), dtype=np.bool_)
        inside[ends - size] = inside[ends - 1] = False
        tokens[inside] = split.body_tokens(part)
        tokens[ends - size], tokens[ends - 1] = split.layout.body, split.layout.end
        yield size, tokens
