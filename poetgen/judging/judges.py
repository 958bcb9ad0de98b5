"""What the judges make of each column: how well they tell its poems from those of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec

import numpy as np

from poetgen.corpus import Poem
from poetgen.errors import SourceError
from poetgen.judging import bootstrap
from poetgen.judging.bootstrap import Estimate
from poetgen.judging.critic import JudgeVerdict, judge, ngram_judge
from poetgen.judging.evaluation import HUMAN, Evaluation, Row
from poetgen.network.classifier import auc


def judged_rows(
    evaluation: Evaluation,
    form: str,
    columns: Mapping[str, Sequence[Poem]],
    machine_like: dict[tuple[str, str], list[str]],
) -> Iterator[Row]:
    """The AUC of each judge, of the poems of each column against the human ones.

    `machine_like` gets the most machine-like lines, by column and form.
    """
    human = columns.get(HUMAN, ())
    first = next(iter(evaluation.checkpoints.values()))
    seed = evaluation.config.seed
    for column, poems in columns.items():
        if column == HUMAN or not human:
            continue
        bodies = [poem.body for poem in human], [poem.body for poem in poems]
        titles = [poem.title for poem in human], [poem.title for poem in poems]
        progress = evaluation.progress_of(f"a critic reads {form} by {column}")
        table = first.model.output.weight
        try:
            verdict = judge(*bodies, first.vocab, table, seed, progress=progress, titles=titles)
        except SourceError as error:  # too few poems
            evaluation.note(f"critic of {form}, {column}: not measured; {error}")
            continue
        machine_like[column, form] = [line.text for line in verdict.lines]
        if spare := max(map(len, bodies)) - verdict.side:
            evaluation.note(
                f"judges of {form}, {column}: {spare:,} of the larger side were left out, to make the sides equal"
            )
        yield Row("critic", form, column, auc_estimate(verdict, seed))
        if find_spec("sklearn") is None:
            evaluation.note('the n-gram judge is left out: pip install "poetgen[sklearn]"')
            continue
        progress = evaluation.progress_of(f"an n-gram judge reads {form} by {column}")
        verdict = ngram_judge(*bodies, seed, progress=progress, titles=titles)
        yield Row("n-gram judge", form, column, auc_estimate(verdict, seed))


def auc_estimate(verdict: JudgeVerdict, seed: int) -> Estimate:
    """The mean of the folds' AUCs; resamples draw the poems of each fold and side anew.

    Where all of them come out alike, as when every pair is told apart, so many poems might have shown another once in
    forty times (bootstrap.exact).
    """
    random = np.random.default_rng(seed)
    folds = [verdict.fold == fold for fold in range(len(verdict.aucs))]
    sides = [[verdict.scores[fold & (verdict.machine == side)] for side in (False, True)] for fold in folds]
    resampled = [
        np.mean([auc(*(random.choice(scores, len(scores)) for scores in pair)) for pair in sides])
        for _ in range(bootstrap.RESAMPLES)
    ]
    return bootstrap.exact(bootstrap.interval(verdict.auc, resampled, verdict.side), verdict.side)
