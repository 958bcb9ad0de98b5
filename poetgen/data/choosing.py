"""Which poems of a corpus stay, and which of these are to train on and which to validate with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poetgen.config import PreprocessConfig
from poetgen.corpus import Counts, duplicates
from poetgen.data.reading import Poems

#: Poems to validate with, as long as they are no more than this share of a corpus.
_LEAST_VALID, _MOST_HELD_OUT = 100, 0.1
#: Passages from which on a text is long enough for its end to be held out.
_LONG_TEXT = 10


@dataclass(frozen=True)
class Choice:
    """Which of N poems stay: `kept` (N,), and the numbers of these K, `indices` (K,).

    `valid` (K,) says which of them are to validate, `family` (K,) numbers those that share lines, and `clauses` are
    those of the poems that stay. `repeats` passages were to validate, but say what training says.
    """

    kept: NDArray[np.bool_]
    indices: NDArray[np.int64]
    valid: NDArray[np.bool_]
    family: NDArray[np.int64]
    clauses: duplicates.Clauses
    repeats: int = 0

    def leak_check(self) -> dict[str, int]:
        """What the two splits have in common, counted anew from the clauses."""
        lines, phrases = (duplicates.leaks(self.clauses, self.valid, least) for least in (duplicates.LEAST_SHARED, 1))
        return {
            "shared_lines": lines.shared,
            "valid_lines": lines.lines,
            "shared_short_phrases": phrases.shared,
            "least_line": duplicates.LEAST_SHARED,
            "largest_family": int(np.bincount(self.family).max()),
            "repeated_passages": self.repeats,
        }


def choose(poems: Poems, parts: Sequence[duplicates.Clauses], counts: Counts, config: PreprocessConfig) -> Choice:
    """Drop duplicates and what `config.limit` does not draw, and part the poems that stay, families together.

    `parts` are the clauses of all poems. What goes is counted in `counts`.
    """
    clauses = duplicates.concatenate(parts)
    verse = np.array([not text for text in poems.text], dtype=np.bool_)
    keys = duplicates.poem_keys(clauses, len(poems))
    kept = _kept(poems, clauses, keys, verse, counts, config)
    clauses = duplicates.select(clauses, kept)
    renumber = np.cumsum(kept) - 1
    # Lines of plain text come again (who speaks in a play) and make no kin.
    family = renumber[duplicates.kinships(duplicates.select(clauses, verse), len(poems))[kept]]
    clauses = duplicates.Clauses(clauses.hash, clauses.length, renumber[clauses.poem].astype(np.int32))
    indices = np.flatnonzero(kept)
    share = _valid_share(config.valid_share, len(indices))
    valid = duplicates.choose_valid(keys[kept], family, share)
    _hold_out_ends([poems.text[index] for index in indices.tolist()], valid, share)
    repeats = _give_back_repeats(clauses, valid, ~verse[kept])
    if valid.all():  # as may happen to a handful of poems
        valid[:] = False
    counts.kept = len(indices)
    return Choice(kept, indices, valid, family, clauses, repeats)


def _valid_share(asked: float, poems: int) -> float:
    """The share of poems to validate with: more of a small corpus, of which a few poems would tell nothing."""
    return max(asked, min(_MOST_HELD_OUT, _LEAST_VALID / poems)) if asked and poems else asked


def _kept(
    poems: Poems,
    clauses: duplicates.Clauses,
    keys: NDArray[np.uint64],
    verse: NDArray[np.bool_],
    counts: Counts,
    config: PreprocessConfig,
) -> NDArray[np.bool_]:
    """(N,) which poems stay; what goes is counted with examples. Passages have no near duplicates."""
    exact = duplicates.exact_duplicates(keys)
    near = duplicates.near_duplicates(duplicates.select(clauses, ~exact & verse), len(poems)) >= 0
    kept = ~(exact | near)
    undrawn = np.zeros(len(poems), dtype=np.bool_)
    if config.limit:
        undrawn[np.flatnonzero(kept)[~duplicates.draw(keys[kept], config.limit, config.seed)]] = True
    for reason, gone in (("exact duplicate", exact), ("near duplicate", near), ("not drawn by --limit", undrawn)):
        for index in np.flatnonzero(gone).tolist():
            counts.drop(reason, poems.origin[index], poems.body[index])
    return kept & ~undrawn


def _hold_out_ends(text: Sequence[str], valid: NDArray[np.bool_], share: float) -> None:
    """Put the last passages of each long text into validation, and the others into training; `text` names the texts.

    Passages of short texts are left to their hash.
    """
    passages = defaultdict(list)
    for number, name in enumerate(text):
        if name:
            passages[name].append(number)
    for numbers in passages.values():
        if len(numbers) >= _LONG_TEXT:
            held = max(1, round(share * len(numbers))) if share else 0
            valid[numbers] = False
            valid[numbers[len(numbers) - held :]] = True


def _give_back_repeats(clauses: duplicates.Clauses, valid: NDArray[np.bool_], passages: NDArray[np.bool_]) -> int:
    """Put passages that repeat what training has, by lines, into training: they would tell of what is known by heart.

    Returns how many there were.
    """
    if not passages.any():
        return 0
    before = int(valid.sum())
    while (repeats := valid & passages & (duplicates.leaks(clauses, valid).share >= duplicates.NEAR)).any():
        valid[repeats] = False
    return before - int(valid.sum())
