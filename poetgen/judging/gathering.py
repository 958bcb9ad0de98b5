"""The poems of a form that are judged side by side: of people, of a file, and those that checkpoints write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np

from poetgen.corpus import Poem
from poetgen.judging.evaluation import HUMAN, Evaluation
from poetgen.network.checkpoint import Checkpoint
from poetgen.writing.fitting import LONGEST_TITLE, fit
from poetgen.writing.reader import DraftReader
from poetgen.writing.request import Request
from poetgen.writing.sample import Job
from poetgen.writing.sampler import Sampler


def poems_by_column(evaluation: Evaluation, form: str) -> Iterator[tuple[str, list[Poem]]]:
    """Each column's name with its poems of a form; checkpoints write for the titles of the human ones."""
    config = evaluation.config
    random = np.random.default_rng(config.seed)
    human = _drawn([poem for poem in evaluation.human if poem.form == form], random)
    given = _drawn([poem for poem in evaluation.poems if poem.form == form or config.held_to], random)
    if num := config.num:
        human = human[:num]
    if human:
        yield HUMAN, human
    if given:
        yield evaluation.source, given
    titles = list(dict.fromkeys(poem.title for poem in human if 0 < len(poem.title) <= LONGEST_TITLE))
    if num and human and not titles:
        evaluation.note(f"{form}: nothing is written, for want of human poems with titles; give --human or --data")
    if 0 < 2 * len(titles) <= num:
        evaluation.note(f"{form}: {num:,} poems for {len(titles):,} titles; the intervals take them for independent")
    if num and titles:
        for name, checkpoint in evaluation.checkpoints.items():
            yield name, list(_written(evaluation, name, checkpoint, form, list(islice(cycle(titles), num))))


def _drawn(poems: Sequence[Poem], random: np.random.Generator) -> list[Poem]:
    """Poems in an order that is drawn, and not as they stand: a file may have its poets one after the other."""
    return [poems[place] for place in random.permutation(len(poems))]


def _written(
    evaluation: Evaluation, name: str, checkpoint: Checkpoint, form: str, titles: Sequence[str]
) -> Iterator[Poem]:
    rules = evaluation.config.rules
    reader = DraftReader.load(checkpoint) if rules else None
    sampler = Sampler(checkpoint.model, checkpoint.vocab, checkpoint.forms, checkpoint.lines, rules, reader=reader)
    config = evaluation.config.sampling()
    if note := sampler.check(Request(form=form), config):
        evaluation.note(f"{name}: {note}")
    jobs = (Job(Request(fit(title, checkpoint.vocab)[0], form), config) for title in titles)
    for number, sample in enumerate(sampler.samples(jobs)):
        evaluation.progress(f"writing {form} by {name}", number + 1, len(titles))
        yield Poem(sample.text, title=titles[number], form=form)
