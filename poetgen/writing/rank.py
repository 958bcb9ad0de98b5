"""Which of several drafts is the best poem.

A checkpoint with a reader (reader.py) is asked how likely a person wrote each draft. Without one the score is made of
figures that need no judge but the model:

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
from math import fsum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from poetgen.data.vocab import Vocab
from poetgen.text import CLAUSE_ENDS, clauses, is_han
from poetgen.writing.reader import DraftReader

#: The weights of the score, chosen by reading (docs/quality.md).
TITLE_WEIGHT: Final = 3.0
PARALLEL_WEIGHT: Final = 1.0
REPEAT_WEIGHT: Final = 2.0


@dataclass(frozen=True)
class Draft:
    """A draft: its number, its tokens, what each cost in nats (`costs`), and what they cost without the title."""

    number: int
    tokens: tuple[int, ...]
    costs: tuple[float, ...]
    unconditional_nats: float

    @property
    def nats(self) -> float:
        """What all tokens cost, with the title."""
        return fsum(self.costs)


class Ranker:
    """Scores drafts. `weights` (V, E) are those of the output layer, whose rows lie near where tokens are alike."""

    def __init__(self, vocab: Vocab, weights: NDArray[np.float32], reader: DraftReader | None = None) -> None:
        self.vocab, self.reader = vocab, reader
        self._weights = weights
        self._unit: NDArray[np.float32] | None = None

    def best(self, drafts: Sequence[Draft]) -> tuple[Draft, dict[str, float]]:
        """The draft of the highest score, and its figures; the earlier one of two that are equal."""
        scored = zip(drafts, self.scores(drafts), strict=True)
        return max(scored, key=lambda pair: pair[1]["score"])

    def scores(self, drafts: Sequence[Draft]) -> list[dict[str, float]]:
        """The figures of each draft by name, and its score."""
        figures = [self.figures(draft) for draft in drafts]
        if self.reader is not None:
            texts = [self.vocab.decode(draft.tokens) for draft in drafts]
            return [found | {"score": score} for found, score in self.reader.scores(texts, figures)]
        weights = {"likelihood": 1.0, "title": TITLE_WEIGHT, "parallel": PARALLEL_WEIGHT, "repeats": -REPEAT_WEIGHT}
        return [found | {"score": sum(weight * found[name] for name, weight in weights.items())} for found in figures]

    def figures(self, draft: Draft) -> dict[str, float]:
        """What there is to say of a draft without a reader, by name."""
        text = self.vocab.decode(draft.tokens)
        count = max(1, len(draft.tokens))
        lines = costs_of_lines(text, draft.costs)
        return {
            "likelihood": -draft.nats / count,
            "title": (draft.unconditional_nats - draft.nats) / count,
            "line": -max((sum(line) / len(line) for line in lines), default=0.0),
            "foot": -max((sum(line[-2:]) / len(line[-2:]) for line in lines[1::2]), default=0.0),
            "parallel": self._parallel(clauses(text)),
            "repeats": share_of_repeats(text),
        }

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


def costs_of_lines(text: str, costs: Sequence[float]) -> list[list[float]]:
    """What the Han characters of each line cost, of a text and the costs of its characters.

    >>> costs_of_lines("春风，秋。", [1, 2, 3, 4, 5])
    [[1, 2], [4]]
    """
    lines: list[list[float]] = [[]]
    for char, cost in zip(text, costs, strict=False):
        if is_han(char):
            lines[-1].append(cost)
        elif char in CLAUSE_ENDS:
            lines.append([])
    return [line for line in lines if line]
