"""Perplexity side by side: what the poems of each source cost each checkpoint, and an n-gram model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from poetgen.corpus import Poem
from poetgen.data.dataset import split_of
from poetgen.judging.evaluation import HUMAN, NGRAM, Evaluation, Row, count_of_poems
from poetgen.judging.likelihood import Costs, poem_costs
from poetgen.judging.ngram import NGram
from poetgen.judging.novelty import shares_a_line

#: What is added to the name of a scope for those of its poems that share no line with the training data.
UNSHARED: Final = ", no shared line"
#: Share of human poems with a known line from which on they may not be as new as is said.
_SUSPECT: Final = 0.1


def perplexity_tables(evaluation: Evaluation) -> Iterator[list[Row]]:
    """What the poems of each source cost: all, and those that share no line with the training data."""
    poems = [*evaluation.poems, *evaluation.human]
    if not poems:
        return
    costs = dict(_costs(evaluation, poems))
    shared = shares_a_line(evaluation, poems)
    is_human = np.arange(len(poems)) >= len(evaluation.poems)
    for source, of_source in ((evaluation.source, ~is_human), (HUMAN, is_human)):
        scopes = {source: of_source}
        if (of_source & shared).any() and (of_source & ~shared).any():
            scopes[source + UNSHARED] = of_source & ~shared
        for scope, chosen in scopes.items():
            if chosen.any():
                yield [
                    Row(figure, scope, name, estimate)
                    for name, each in costs.items()
                    for figure, estimate in each[chosen].figures(evaluation.config.seed).items()
                ]
    known = int((is_human & shared).sum())
    if known > _SUSPECT * is_human.sum():
        evaluation.note(
            f"{known:,} of {count_of_poems(evaluation.human)} by people share a line with the training data: "
            "are they held out?"
        )


def _costs(evaluation: Evaluation, poems: Sequence[Poem]) -> Iterator[tuple[str, Costs]]:
    """What poems cost each checkpoint, and the n-gram model."""
    for name, checkpoint in evaluation.checkpoints.items():
        split = split_of(poems, checkpoint.vocab)
        yield name, poem_costs(checkpoint, split, evaluation.progress_of(f"scoring by {name}"))
    if evaluation.dataset is not None:
        vocab = evaluation.dataset.vocab
        model = NGram.train(evaluation.dataset.train, progress=evaluation.progress_of(f"counting for the {NGRAM}"))
        scored = model.poems(split_of(poems, vocab), evaluation.progress_of(f"scoring by the {NGRAM}"))
        yield NGRAM, Costs.of(scored, len(poems), vocab)
