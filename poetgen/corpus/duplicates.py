"""Which poems are the same, nearly the same, or share lines: by hashes of their clauses, in NumPy.

A clause is what stands between two marks of punctuation. Hashes are 64 bits wide and the same on every machine:
among the three million clauses of a large corpus two different ones meet with a probability of 1 in 4 million.

Shapes: N poems, M clauses of all of them, end to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poetgen.text import CLAUSE_ENDS, PAUSE

#: Shorter clauses (四字 and less) are stock phrases that hundreds of poems share.
LEAST_SHARED = 5
#: A poem this much of which (by characters) stands in one earlier poem is a near duplicate of it.
NEAR = 0.75

_CLAUSE_ENDS = np.array([ord(mark) for mark in f"{CLAUSE_ENDS}\n"], dtype=np.uint32)
_WITHOUT_ENDS = dict.fromkeys(_CLAUSE_ENDS.tolist())

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


def as_one_clause(body: str) -> str:
    """A body without the marks that part clauses.

    >>> as_one_clause("白日依山尽，黄河入海流。")
    '白日依山尽黄河入海流'
    """
    return body.translate(_WITHOUT_ENDS)


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


def _first_holders(clauses: Clauses) -> I64:
    """(M,) the first poem in which each clause stands."""
    _, first, inverse = np.unique(clauses.hash, return_index=True, return_inverse=True)
    return clauses.poem[first][inverse].astype(np.int64)


def near_duplicates(clauses: Clauses, count: int) -> I64:
    """(N,) the earlier poem that a poem nearly repeats, or -1."""
    holders = _first_holders(clauses)
    total = np.bincount(clauses.poem, weights=clauses.length, minlength=count)
    shared = holders < clauses.poem
    pair = clauses.poem[shared].astype(np.int64) * count + holders[shared]
    pairs, inverse = np.unique(pair, return_inverse=True)
    weight = np.bincount(inverse, weights=clauses.length[shared], minlength=len(pairs))
    poem, holder = pairs // max(1, count), pairs % max(1, count)
    near = weight >= NEAR * total[poem]
    result = np.full(count, -1, dtype=np.int64)
    result[poem[near]] = holder[near]
    return result


def kinships(clauses: Clauses, count: int) -> I64:
    """(N,) a number of the family of each poem: poems that share a clause of LEAST_SHARED characters are kin.

    Kin of kin are kin. The number is that of the family's first poem.
    """
    long = clauses.length >= LEAST_SHARED
    clauses = Clauses(clauses.hash[long], clauses.length[long], clauses.poem[long])
    holders = _first_holders(clauses)
    linked = holders != clauses.poem
    parent = list(range(count))

    def root(poem: int) -> int:
        while parent[poem] != poem:
            parent[poem] = parent[parent[poem]]
            poem = parent[poem]
        return poem

    for poem, holder in zip(clauses.poem[linked].tolist(), holders[linked].tolist(), strict=True):
        a, b = root(poem), root(holder)
        if a != b:
            parent[max(a, b)] = min(a, b)
    return np.array([root(poem) for poem in range(count)], dtype=np.int64)


def choose_valid(keys: U64, family: I64, share: float) -> NDArray[np.bool_]:
    """(N,) True for validation: about `share` of the poems, whole families, by the content of the first of each.

    The choice for one family does not depend on what else is in the corpus. A family of more than a hundredth of
    the corpus, held together by chains of borrowed lines, always goes to training.
    """
    drawn = _mix(keys[family] ^ np.uint64(0x9E3779B97F4A7C15)) < np.uint64(int(share * 2**63) * 2)
    sizes = np.bincount(family, minlength=len(family))
    return drawn & (sizes[family] <= max(10, len(family) // 100))


def leaks(clauses: Clauses, valid: NDArray[np.bool_], least: int = LEAST_SHARED) -> int:
    """How many clauses of at least `least` characters in validation poems stand in training poems too."""
    long = clauses.length >= least
    side = valid[clauses.poem]
    held, known = clauses.hash[long & side], np.sort(clauses.hash[long & ~side])
    place = np.searchsorted(known, held)
    return int((known[np.minimum(place, len(known) - 1)] == held).sum()) if len(known) else 0
