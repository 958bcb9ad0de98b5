"""Which of several drafts is the best poem, by figures that need no judge but the model.

    score =   mean log-likelihood of a character, given the title                  (is it verse?)
            + TITLE_WEIGHT · its gain over the likelihood without the title        (is it about its title?)
            + PARALLEL_WEIGHT · likeness of facing characters in middle couplets   (do they stand parallel? 律诗 only)
            − REPEAT_WEIGHT · share of characters that have stood in the poem before, but for 萧萧

The gain is the pointwise mutual information of title and poem, by which Li et al. (2016, "A Diversity-Promoting
Objective Function for Neural Conversation Models") rerank candidates: it holds against a draft what the model would
have written under any title.

Shapes: V vocabulary, E embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from poetgen.data.vocab import Vocab
from poetgen.text import clauses, is_han

#: The weights of the score, chosen by reading (docs/quality.md).
TITLE_WEIGHT: Final = 3.0
PARALLEL_WEIGHT: Final = 1.0
REPEAT_WEIGHT: Final = 2.0


@dataclass(frozen=True)
class Draft:
    """A draft: its number, its tokens, and what they cost in nats with the title and without."""

    number: int
    tokens: tuple[int, ...]
    nats: float
    unconditional_nats: float


class Ranker:
    """Scores drafts. `weights` (V, E) are those of the output layer, whose rows lie near where tokens are alike."""

    def __init__(self, vocab: Vocab, weights: NDArray[np.float32]) -> None:
        self.vocab = vocab
        self._weights = weights
        self._unit: NDArray[np.float32] | None = None

    def best(self, drafts: Sequence[Draft]) -> tuple[Draft, dict[str, float]]:
        """The draft of the highest score, and its figures; the earlier one of two that are equal."""
        scored = [(draft, self.scores(draft)) for draft in drafts]
        return max(scored, key=lambda pair: pair[1]["score"])

    def scores(self, draft: Draft) -> dict[str, float]:
        """The figures of one draft by name, and their sum."""
        text = self.vocab.decode(draft.tokens)
        count = max(1, len(draft.tokens))
        figures = {
            "likelihood": -draft.nats / count,
            "title": (draft.unconditional_nats - draft.nats) / count,
            "parallel": self._parallel(clauses(text)),
            "repeats": share_of_repeats(text),
        }
        weights = {"likelihood": 1.0, "title": TITLE_WEIGHT, "parallel": PARALLEL_WEIGHT, "repeats": -REPEAT_WEIGHT}
        return figures | {"score": sum(weights[name] * value for name, value in figures.items())}

    def _parallel(self, lines: Sequence[str]) -> float:
        """How alike the characters that face each other in lines 3 and 4, 5 and 6 of eight are, 0 elsewhere.

        The mean cosine of their embeddings; in parallel couplets a noun faces a noun, a colour a colour.
        """
        if len(lines) != 8 or len(set(map(len, lines))) > 1:
            return 0.0
        pairs = [pair for first in (2, 4) for pair in zip(lines[first], lines[first + 1], strict=True)]
        upper, lower = (self._embedded([pair[side] for pair in pairs]) for side in (0, 1))
        return float((upper * lower).sum(1).mean())

    def _embedded(self, chars: Sequence[str]) -> NDArray[np.float32]:
        """The unit vectors of characters, (len(chars), E)."""
        if self._unit is None:
            lengths = np.linalg.norm(self._weights, axis=1, keepdims=True)
            self._unit = self._weights / np.maximum(lengths, 1e-9)
        return self._unit[[self.vocab.id(char) for char in chars]]


def share_of_repeats(text: str) -> float:
    """The share of Han characters that have stood in the text before, reduplication left out.

    >>> share_of_repeats("萧萧落木"), share_of_repeats("春江春水")
    (0.0, 0.25)
    """
    han = [char for char in text if is_han(char)]
    seen: set[str] = set()
    count = 0
    for number, char in enumerate(han):
        count += char in seen and char != han[number - 1]
        seen.add(char)
    return count / max(1, len(han))
