"""Which poems are the same, nearly the same, or share lines: by hashes of their clauses, in NumPy.

A clause is what stands between two marks of punctuation. Hashes are 64 bits wide and the same on every machine:
among the three million clauses of a large corpus two different ones meet with a probability of 1 in 4 million.

Shapes: N poems, M clauses of all of them, end to end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poetgen.corpus.components import connected_components
from poetgen.text import CLAUSE_ENDS, PAUSE

#: Shorter clauses (四字 and less) are stock phrases that hundreds of poems share.
LEAST_SHARED = 5
#: A poem this much of which (by characters) stands in one earlier poem that stays is a near duplicate of it.
NEAR = 0.75

#: Pairs of poems, or clauses of such pairs, that are looked at together: some hundred MB.
_AT_ONCE = 1 << 20

_CLAUSE_ENDS = np.array([ord(mark) for mark in f"{CLAUSE_ENDS}\n"], dtype=np.uint32)

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Clauses:
    """The clauses of N poems: `hash` and `length` (characters) of each, and `poem`, whose it is; all (M,)."""

    hash: U64
    length: NDArray[np.int32]
    poem: NDArray[np.int32]

    def shift(self, first: int) -> Clauses:
        """The same clauses with their poems numbered from `first`."""
        return Clauses(self.hash, self.length, self.poem + np.int32(first))


def _mix(x: U64) -> U64:
    """The finalizer of SplitMix64 (Steele, Lea & Flood 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hash_clauses(bodies: Sequence[str]) -> Clauses:
    """Cut bodies into clauses and hash them; poems are numbered from 0."""
    text = "\n".join(bodies) + "\n"
    chars = np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint32)
    chars = chars[chars != ord(PAUSE)]
    ends = np.flatnonzero(np.isin(chars, _CLAUSE_ENDS))
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    # The poem of a clause is how many line feeds between bodies stand before it; bodies may hold some themselves.
    breaks = np.cumsum([len(body) - body.count(PAUSE) + 1 for body in bodies]) - 1 if bodies else np.zeros(0, np.int64)
    poems = np.searchsorted(breaks, starts)
    kept = lengths > 0
    position = np.arange(len(chars)) - np.repeat(starts, lengths + 1)
    mixed = _mix(chars.astype(np.uint64) + (position.astype(np.uint64) + np.uint64(1) << np.uint64(32)))
    mixed[ends] = 0
    sums = np.add.reduceat(mixed, starts) if len(starts) else np.zeros(0, np.uint64)
    return Clauses(_mix(sums[kept]), lengths[kept].astype(np.int32), poems[kept].astype(np.int32))


def concatenate(parts: Sequence[Clauses]) -> Clauses:
    """The clauses of several parts, end to end."""
    if not parts:
        return Clauses(np.zeros(0, np.uint64), np.zeros(0, np.int32), np.zeros(0, np.int32))
    return Clauses(
        np.concatenate([part.hash for part in parts]),
        np.concatenate([part.length for part in parts]),
        np.concatenate([part.poem for part in parts]),
    )


def select(clauses: Clauses, kept: NDArray[np.bool_]) -> Clauses:
    """The clauses of the poems that `kept` (N,) marks, their numbers unchanged."""
    chosen = kept[clauses.poem]
    return Clauses(clauses.hash[chosen], clauses.length[chosen], clauses.poem[chosen])


def poem_keys(clauses: Clauses, count: int) -> U64:
    """(N,) a hash of each poem's clauses in their order: equal for poems that differ in punctuation alone."""
    starts = np.searchsorted(clauses.poem, np.arange(count))
    place = np.arange(len(clauses.hash)) - starts[clauses.poem] if len(clauses.hash) else np.zeros(0, np.int64)
    keys = np.zeros(count, dtype=np.uint64)
    np.add.at(keys, clauses.poem, _mix(clauses.hash + place.astype(np.uint64)))
    return _mix(keys)


def exact_duplicates(keys: U64) -> NDArray[np.bool_]:
    """(N,) True for every poem whose key an earlier poem has."""
    _, first = np.unique(keys, return_index=True)
    repeated = np.ones(len(keys), dtype=np.bool_)
    repeated[first] = False
    return repeated


def near_duplicates(clauses: Clauses, count: int) -> I64:
    """(N,) an earlier poem that a poem nearly repeats, and that is no near duplicate itself, or -1.

    A poem that nearly repeats another lacks at most 1 - NEAR of its own characters there. So it shares one at least of
    any clauses that make up more than that, and only poems that hold one of its rarest are compared with it: the prefix
    filter of similarity joins (Chaudhuri, Ganti & Kaushik 2006; Bayardo, Ma & Srikant 2007).
    """
    held = _Holdings.of(clauses, count)
    total = np.bincount(held.poem, weights=held.weight, minlength=count)
    order = np.lexsort((held.earlier, held.poem))  # the clauses of each poem, the rarest first
    poem, weight = held.poem[order], held.weight[order]
    before = np.cumsum(weight) - weight
    before -= before[np.searchsorted(poem, poem)]
    telling = order[(before <= (1 - NEAR) * total[poem]) & (held.earlier[order] > 0)]
    result = np.full(count, -1, dtype=np.int64)
    for rows in _blocks(held.earlier[telling]):
        poem, other = held.pairs(telling[rows], result < 0)
        for some in _blocks(held.size[poem]):
            near = held.shared(poem[some], other[some]) >= NEAR * total[poem[some]]
            for copy, original in zip(poem[some][near].tolist(), other[some][near].tolist(), strict=True):
                if result[copy] < 0 and result[original] < 0:
                    result[copy] = original
    return result


@dataclass(frozen=True)
class _Holdings:
    """Which poems hold which clauses, by clause and then by poem; H times that a poem holds a clause, all but `start`,
    `size` and `of_poem` (H,).

    `key` is clause * N + poem; `weight` the characters of the clause, as often as the poem repeats it; `earlier` how
    many poems before this one hold it. `size` (N,) is how many clauses a poem has, and `of_poem` (H,) their rows, poem
    after poem, from `start` (N,) on.
    """

    count: int
    key: I64
    poem: I64
    weight: I64
    earlier: I64
    of_poem: I64
    start: I64
    size: I64

    @staticmethod
    def of(clauses: Clauses, count: int) -> _Holdings:
        """The holdings of N = `count` poems."""
        number = np.unique(clauses.hash, return_inverse=True)[1].astype(np.int64)
        key, first, times = np.unique(number * count + clauses.poem, return_index=True, return_counts=True)
        clause, poem = np.divmod(key, max(1, count))
        size = np.bincount(poem, minlength=count)
        return _Holdings(
            count,
            key,
            poem,
            weight=clauses.length[first].astype(np.int64) * times,
            earlier=np.arange(len(key)) - np.searchsorted(clause, clause),
            of_poem=np.argsort(poem, kind="stable"),
            start=np.cumsum(size) - size,
            size=size,
        )

    def pairs(self, rows: I64, kept: NDArray[np.bool_]) -> tuple[I64, I64]:
        """For some rows the pairs of the poem and an earlier one with the same clause, in order, each pair once.

        Only poems are paired that `kept` (N,) marks.
        """
        rows = rows[kept[self.poem[rows]]]
        earlier = self.earlier[rows]
        poem, other = np.repeat(self.poem[rows], earlier), self.poem[_ranges(rows - earlier, earlier)]
        poem, other = np.divmod(np.unique((poem * self.count + other)[kept[other]]), max(1, self.count))
        return poem, other

    def shared(self, poem: I64, other: I64) -> I64:
        """(P,) the characters of P poems that stand, by whole clauses, in P others."""
        size = self.size[poem]
        rows = self.of_poem[_ranges(self.start[poem], size)]
        pair = np.repeat(np.arange(len(poem)), size)
        sought = self.key[rows] - self.poem[rows] + other[pair]
        place = np.minimum(np.searchsorted(self.key, sought), len(self.key) - 1)
        return np.bincount(pair, weights=self.weight[rows] * (self.key[place] == sought), minlength=len(poem))


def _ranges(start: I64, length: I64) -> I64:
    """The numbers from each start on, as many as its length, end to end.

    >>> _ranges(np.array([5, 1]), np.array([2, 3])).tolist()
    [5, 6, 1, 2, 3]
    """
    places: I64 = np.arange(length.sum()) + np.repeat(start - (np.cumsum(length) - length), length)
    return places


def _blocks(cost: I64) -> Iterator[slice]:
    """Slices of rows that cost about _AT_ONCE together, or one row that costs more."""
    total = np.cumsum(cost)
    ends = np.flatnonzero(np.diff(total // _AT_ONCE, append=-1)) + 1
    begin = 0
    for end in ends.tolist():
        yield slice(begin, end)
        begin = end


def kinships(clauses: Clauses, count: int) -> I64:
    """(N,) a number of the family of each poem: poems that share a clause of LEAST_SHARED characters are kin.

    Kin of kin are kin. The number is that of the family's first poem.
    """
    long = clauses.length >= LEAST_SHARED
    poem = clauses.poem[long].astype(np.int64)
    _, first, inverse = np.unique(clauses.hash[long], return_index=True, return_inverse=True)
    return connected_components(count, poem, poem[first][inverse])


def choose_valid(keys: U64, family: I64, share: float) -> NDArray[np.bool_]:
    """(N,) True for validation: about `share` of the poems, whole families, by the content of the first of each.

    The choice for one family does not depend on what else is in the corpus. A family of more than a hundredth of
    the corpus, held together by chains of borrowed lines, always goes to training.
    """
    drawn = _mix(keys[family] ^ np.uint64(0x9E3779B97F4A7C15)) < np.uint64(int(share * 2**63) * 2)
    sizes = np.bincount(family, minlength=len(family))
    return drawn & (sizes[family] <= max(10, len(family) // 100))


def draw(keys: U64, count: int, seed: int) -> NDArray[np.bool_]:
    """(N,) True for `count` of N poems, drawn by hashes of what they say, whatever the order that they come in.

    What is drawn with a smaller `count` is drawn with a greater one too.
    """
    drawn = np.zeros(len(keys), dtype=np.bool_)
    drawn[np.argsort(_mix(keys ^ _mix(np.full(1, seed + 1, dtype=np.uint64))), kind="stable")[:count]] = True
    return drawn


@dataclass(frozen=True)
class Leaks:
    """What validation poems have in common with training poems, by clauses of at least so many characters.

    `lines` are those of validation, `shared` how many of these stand in training too, `share` (N,) of how much of a
    poem's characters that is so; 0 for poems of training.
    """

    lines: int
    shared: int
    share: NDArray[np.float64]


def leaks(clauses: Clauses, valid: NDArray[np.bool_], least: int = LEAST_SHARED) -> Leaks:
    """What stands on both sides of a split, `valid` (N,), in clauses of `least` characters or more."""
    long = clauses.length >= least
    side = valid[clauses.poem]
    held = long & side
    shared = np.isin(clauses.hash[held], clauses.hash[long & ~side])
    poem, length = clauses.poem[held], clauses.length[held]
    of_all = np.bincount(clauses.poem[side], weights=clauses.length[side], minlength=len(valid))
    known = np.bincount(poem, weights=length * shared, minlength=len(valid))
    return Leaks(int(held.sum()), int(shared.sum()), known / np.maximum(of_all, 1))
