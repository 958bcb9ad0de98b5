"""Which characters go together: what one text says of the characters of another, counted in poems by people.

    title  秋江夜泊  ─┐
                      ├─▶  how much likelier is each character of the body for those of the title?
    body   月落乌啼…  ─┘

A count model that no poem of a machine has taught anything, to judge machines by. The probability of a character b
beside a text is the mean over the text's characters t of p(b | t), as in IBM Model 1 with an even alignment (Brown et
al. 1993, "The Mathematics of Statistical Machine Translation"), without its EM; p(b | t) is counted over pairs of
texts and smoothed towards p(b) by PRIOR pairs.

Shapes: C characters that are counted, T and B characters of two texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from poetgen.data.dataset import Split
from poetgen.data.vocab import Vocab
from poetgen.progress import ProgressCallback, silent
from poetgen.text import SENTENCE_ENDS, is_han

#: Characters that are told apart, the commonest; the others say nothing.
COUNTED: Final = 4000
#: Occurrences of a character in its average company that count beside those seen.
PRIOR: Final = 1500.0
#: Poems that are counted.
_TAUGHT: Final = 60_000
#: Pairs of characters that are counted at a time.
_CHUNK: Final = 4_000_000

Characters = NDArray[np.int64]


class Association:
    """How much likelier characters are beside others; characters are numbers below COUNTED.

    `joint` (C, C) counts how often a character stood in the second text of a pair (column) for one of the first (row).
    """

    def __init__(self, joint: NDArray[np.float32]) -> None:
        overall = joint.sum(0, dtype=np.float64) + 1.0
        self._overall = overall / overall.sum()
        rows = joint.sum(1, keepdims=True)
        self._given = (joint + PRIOR * self._overall.astype(np.float32)) / (rows + PRIOR)

    @classmethod
    def count(cls, pairs: Iterable[tuple[Characters, Characters]]) -> Association:
        """Count pairs of texts; a character that comes twice in a text counts once, numbers from COUNTED on not."""
        joint = np.zeros(COUNTED * COUNTED, dtype=np.float32)
        codes: list[Characters] = []
        size = 0
        for texts in pairs:
            first, second = (np.unique(text[text < COUNTED]) for text in texts)
            codes.append((first[:, None] * COUNTED + second).ravel())
            size += len(codes[-1])
            if size > _CHUNK:
                _add(joint, codes)
                codes, size = [], 0
        _add(joint, codes)
        return cls(joint.reshape(COUNTED, COUNTED))

    def gain(self, first: Characters, second: Characters) -> float:
        """Mean nats by which characters of the second text are likelier for the first; 0 where none is known."""
        first, second = (np.unique(text[text < COUNTED]) for text in (first, second))
        if not len(first) or not len(second):
            return 0.0
        given = self._given[np.ix_(first, second)].mean(0)
        return float(np.log(given / self._overall[second]).mean())


def _add(joint: NDArray[np.float32], codes: list[Characters]) -> None:
    if codes:
        cells, counts = np.unique(np.concatenate(codes), return_counts=True)
        joint[cells] += counts


@dataclass(frozen=True)
class Company:
    """What goes with what in poems by people: titles with bodies, couplets with those after them.

    Characters are numbers by how common they are (`numbers`, one for each token of `vocab`).
    """

    vocab: Vocab
    numbers: Characters
    titles: Association
    couplets: Association

    @classmethod
    def of(cls, split: Split, seed: int = 0, progress: ProgressCallback = silent) -> Company:
        """Count poems drawn from a split."""
        vocab = split.layout.vocab
        han = np.array([len(token) == 1 and is_han(token) for token in vocab.tokens])
        numbers = np.where(han, np.cumsum(han) - 1, len(vocab))  # a vocabulary is sorted by how common characters are
        ends = np.isin(vocab.tokens, list(SENTENCE_ENDS))
        drawn = np.random.default_rng(seed).permutation(len(split))[:_TAUGHT].tolist()

        def titled() -> Iterator[tuple[Characters, Characters]]:
            for done, poem in enumerate(drawn):
                fields = split.fields(poem)
                yield numbers[fields["title"]], numbers[fields["body"]]
                progress(done, 2 * len(drawn))

        def coupled() -> Iterator[tuple[Characters, Characters]]:
            for done, poem in enumerate(drawn, start=len(drawn)):
                body = split.fields(poem)["body"]
                parts = np.split(numbers[body], np.flatnonzero(ends[body]) + 1)[:-1]
                yield from zip(parts, parts[1:], strict=False)
                progress(done, 2 * len(drawn))

        return cls(vocab, numbers, Association.count(titled()), Association.count(coupled()))

    def encode(self, text: str) -> Characters:
        """The characters of a text."""
        return self.numbers[self.vocab.encode(text)]
