"""How much of some poems is their own: new lines, the longest copied run, and lines shared with the training data.

Shapes: N poems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from poetgen.corpus import Poem
from poetgen.corpus.duplicates import LEAST_SHARED
from poetgen.judging.bootstrap import quantile, share
from poetgen.judging.evaluation import Evaluation, Row
from poetgen.judging.overlap import known_lines, longest_common_substrings
from poetgen.text import clauses


def lines_of_training(evaluation: Evaluation, bodies: Sequence[str]) -> frozenset[str] | None:
    """The lines of poems that stand in the training data, None where nobody knows.

    Without the dataset they are looked up in the indexes of the checkpoints, which have those of its validation split
    too, and take 13 lines of 1,000 for known that are not.
    """
    lines = list(dict.fromkeys(line for body in bodies for line in clauses(body)))
    indexes = [checkpoint.lines for checkpoint in evaluation.checkpoints.values() if checkpoint.lines is not None]
    if evaluation.dataset is not None:
        evaluation.progress("looking for lines in the corpus", 0, 1)
        known = known_lines(lines, evaluation.dataset.train.bodies())
    elif indexes:
        known = np.logical_or.reduce([index.known(lines) for index in indexes])
    else:
        return None
    return frozenset(line for line, is_known in zip(lines, known, strict=True) if is_known)


def shares_a_line(evaluation: Evaluation, poems: Sequence[Poem]) -> NDArray[np.bool_]:
    """(N,) which poems share a line of verse with the training split; without a dataset nobody knows, and none do.

    An index of lines is not asked: it takes one poem of eight lines in ten for known that is not.
    """
    if evaluation.dataset is None or not evaluation.dataset.vocab.chinese:
        return np.zeros(len(poems), dtype=np.bool_)
    known = lines_of_training(evaluation, [poem.body for poem in poems]) or frozenset()
    # Shorter lines are anybody's, and stand on both sides of a dataset's split.
    return np.array([any(line in known and len(line) >= LEAST_SHARED for line in clauses(poem.body)) for poem in poems])


def novelty_rows(evaluation: Evaluation, form: str, bodies: Mapping[str, Sequence[str]]) -> dict[str, list[Row]]:
    """The rows of each column of poems of a form; the corpus is searched once for all."""
    every = list(dict.fromkeys(body for column in bodies.values() for body in column))
    known, copied = lines_of_training(evaluation, every), _copied(evaluation, every)
    seed = evaluation.config.seed
    return {column: list(_rows(form, column, poems, known, copied, seed)) for column, poems in bodies.items()}


def _copied(evaluation: Evaluation, bodies: Sequence[str]) -> dict[str, int]:
    """The longest run that each poem has in common with the training data; none where nobody knows."""
    if evaluation.dataset is None:
        return {}
    evaluation.progress("looking for runs in the corpus", 0, 1)
    lengths = longest_common_substrings(bodies, evaluation.dataset.train.bodies())
    return dict(zip(bodies, lengths.tolist(), strict=True))


def _rows(
    form: str,
    column: str,
    bodies: Sequence[str],
    known: frozenset[str] | None,
    copied: Mapping[str, int],
    seed: int,
) -> Iterator[Row]:
    if known is not None:
        lines = [clauses(body) for body in bodies]
        new = [sum(line not in known for line in poem) for poem in lines]
        yield Row("novelty", form, column, share(new, list(map(len, lines)), seed))
    if copied:
        lengths = [copied[body] for body in bodies]
        for figure, level in (("copied, median", 0.5), ("copied, 99 %", 0.99)):
            yield Row(figure, form, column, quantile(lengths, level, seed))
