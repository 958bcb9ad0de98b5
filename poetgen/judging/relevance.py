"""Whether poems tell their titles: the rank of a poem's own title among others, by what the poem costs under each.

Shapes: N poems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from poetgen.corpus import Poem
from poetgen.data.dataset import split_of
from poetgen.judging.bootstrap import ratio
from poetgen.judging.evaluation import HUMAN, Evaluation, Row
from poetgen.judging.likelihood import poem_costs
from poetgen.network.checkpoint import Checkpoint
from poetgen.progress import ProgressCallback, silent

#: Titles among which a poem's own is ranked, and of how many poems of a form and a column that is done.
TITLES_RANKED: Final = 20
_POEMS_RANKED: Final = 250


def relevance_rows(evaluation: Evaluation, form: str, columns: Mapping[str, Sequence[Poem]]) -> Iterator[Row]:
    """The mean reciprocal rank of each column.

    A checkpoint judges its own poems, and those of people; the first one judges a file's.
    """
    checkpoints, seed = evaluation.checkpoints, evaluation.config.seed
    first = next(iter(checkpoints), "")
    for column, poems in columns.items():
        titled = [poem for poem in poems if poem.title][:_POEMS_RANKED]
        titles = list(dict.fromkeys(poem.title for poem in titled))
        if len(titles) < TITLES_RANKED:
            evaluation.note(
                f"relevance of {form}, {column}: not measured; it takes {TITLES_RANKED} different titles, "
                f"found {len(titles)}"
            )
            continue
        several = column == HUMAN and len(checkpoints) > 1
        for name in checkpoints if several else [column if column in checkpoints else first]:
            progress = evaluation.progress_of(f"ranking titles of {form}, {column}, by {name}")
            ranks = reciprocal_ranks(checkpoints[name], titled, titles, seed, progress)
            estimate = ratio(ranks, seed=seed)
            if several:
                yield Row("relevance, human", form, name, estimate)
            if not several or name == first:
                yield Row("relevance", form, column, estimate)


def reciprocal_ranks(
    checkpoint: Checkpoint,
    poems: Sequence[Poem],
    titles: Sequence[str],
    seed: int = 0,
    progress: ProgressCallback = silent,
) -> NDArray[np.float64]:
    """(N,) one over the rank of each poem's own title among TITLES_RANKED, by what the poem costs under each.

    The others are drawn from `titles`. Of titles that cost the same, the own one is the last.
    """
    random = np.random.default_rng(seed)
    asked: list[Poem] = []
    for poem in poems:
        others = [title for title in titles if title != poem.title]
        drawn = random.choice(len(others), TITLES_RANKED - 1, replace=False)
        asked += [poem, *(replace(poem, title=others[place]) for place in drawn.tolist())]
    costs = poem_costs(checkpoint, split_of(asked, checkpoint.vocab), progress).all_nats.reshape(-1, TITLES_RANKED)
    ranks: NDArray[np.int64] = (costs <= costs[:, :1]).sum(1)
    return 1.0 / ranks
