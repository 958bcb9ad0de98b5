"""How a reader is taught: poems by people on one side, drafts of the network for their titles on the other.

    poems of the training split ─┬─ four fifths ──▶ classifier
    a draft for each title       ┘
                                 └─ one fifth, which it has not seen ──▶ figures, opinions ──▶ weights

Shapes: N poems, F figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from poetgen.config import SampleConfig
from poetgen.corpus import Poem
from poetgen.data.batches import GIVEN_FIELDS
from poetgen.data.dataset import Dataset, Split, poems_of, split_of
from poetgen.data.sequence import control
from poetgen.errors import UsageError
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.classifier import PoemClassifier, auc, train_classifier
from poetgen.network.perplexity import Scorer
from poetgen.progress import StageCallback, silent_stages
from poetgen.prosody.forms import SHAPES
from poetgen.text import LOST
from poetgen.writing.fitting import LONGEST_TITLE
from poetgen.writing.rank import Draft, Ranker
from poetgen.writing.reader import FIGURES, DraftReader, reading
from poetgen.writing.request import Request
from poetgen.writing.sample import Job
from poetgen.writing.sampler import Sampler

#: What a reader is taught: these forms, and songs to known tunes.
TAUGHT_KINDS: Final = (*SHAPES, "词")
#: Poems of each side and kind.
POEMS: Final = 20_000
#: The fewest poems of each side that teach anything.
LEAST: Final = 100
#: Every how many-th poem the classifier does not see.
_HELD_OUT: Final = 5
#: What is added to the weights that are found, for the sake of sense: chosen by reading.
TASTE: Final = {"likelihood": 3.0, "title": 1.5}
#: Of the regression: what a weight costs, and Newton's steps.
_RIDGE, _STEPS = 1e-3, 30


class Taught(NamedTuple):
    """A reader, of how many poems a side, and how well it tells them where it was not taught: AUC, 0.5 is a guess."""

    reader: DraftReader
    poems: int
    auc: float


def teach(
    checkpoint: Checkpoint,
    dataset: Dataset,
    config: SampleConfig | None = None,
    poems: int = POEMS,
    seed: int = 1,
    progress: StageCallback = silent_stages,
) -> Taught:
    """Teach a reader for a checkpoint; its drafts are written as `config` says.

    Raises UsageError where the dataset has too few poems of TAUGHT_KINDS with titles.
    """
    config = replace(config or SampleConfig(), candidates=1, seed=seed)
    human = _by_people(checkpoint, dataset, poems, seed)
    if len(human) < LEAST:
        raise UsageError(f"--reader: {len(human)} poems of {', '.join(TAUGHT_KINDS)} to learn from; it takes {LEAST}")
    machine = _drafts(checkpoint, human, config, progress)
    unseen = np.arange(len(human)) % _HELD_OUT == 0
    classifier = _classifier(checkpoint, _chosen(human, ~unseen), _chosen(machine, ~unseen), seed, progress)
    reader = DraftReader(checkpoint.vocab, classifier, np.eye(len(FIGURES))[-1])  # for now the classifier alone
    people, network = (_figures(reader, checkpoint, _chosen(side, unseen)) for side in (human, machine))
    # One half says the weights and the other how good they are; then both say the weights.
    weights = weights_of(people[::2], network[::2])
    found = auc(network[1::2] @ weights, people[1::2] @ weights)
    taste = np.array([TASTE.get(name, 0.0) for name in FIGURES])
    return Taught(replace(reader, weights=weights_of(people, network) + taste), len(human), found)


def _by_people(checkpoint: Checkpoint, dataset: Dataset, count: int, seed: int) -> list[Poem]:
    """At most `count` poems of each of TAUGHT_KINDS from the training split, without unknown characters."""
    split, random = dataset.train, np.random.default_rng(seed)
    poems: list[Poem] = []
    for kind in TAUGHT_KINDS:
        of_kind = np.flatnonzero(split.poems["form"] == split.layout.vocab.id(control(kind)))
        drawn = split.poems[random.permutation(of_kind)]
        some = poems_of(Split(split.tokens, drawn[: 2 * count], split.layout))
        fit = (poem for poem in some if (poem.title or poem.tune) and LOST not in poem.body + poem.title)
        known = (poem for poem in fit if not poem.tune or poem.tune in checkpoint.forms)
        poems += islice(known, count)
    return poems


def _drafts(checkpoint: Checkpoint, human: Sequence[Poem], config: SampleConfig, progress: StageCallback) -> list[Poem]:
    """A poem by the network for the title and the form of each by a person."""
    sampler = Sampler(checkpoint.model, checkpoint.vocab, checkpoint.forms, checkpoint.lines)
    jobs = (Job(Request(poem.title[:LONGEST_TITLE], poem.tune or poem.form), config) for poem in human)
    drafts = []
    for poem, sample in zip(human, sampler.samples(jobs), strict=True):
        drafts.append(replace(poem, body=sample.text))
        progress("writing drafts", len(drafts), len(human))
    return drafts


def _classifier(
    checkpoint: Checkpoint, human: Sequence[Poem], machine: Sequence[Poem], seed: int, progress: StageCallback
) -> PoemClassifier:
    split = reading([poem.body for poem in (*human, *machine)], checkpoint.vocab)
    labels = np.repeat([True, False], (len(human), len(machine)))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        classifier = PoemClassifier(torch.from_numpy(split.frequencies()), checkpoint.model.output.weight)
        for share in train_classifier(classifier, split, labels, (seed,)):
            progress("teaching the reader", round(100 * share), 100)
    return classifier


def _figures(reader: DraftReader, checkpoint: Checkpoint, poems: Sequence[Poem]) -> NDArray[np.float64]:
    """(N, F) the figures of poems, as they have them when they are drafts."""
    vocab, model = checkpoint.vocab, checkpoint.model
    ranker, split = Ranker(vocab, model.output.weight.detach().numpy()), split_of(poems, vocab)
    costs: list[list[NDArray[np.float64]]] = []
    for given in ((*GIVEN_FIELDS, "rhyme"), ("form", "tune", "rhyme")):
        read = dict(Scorer(vocab).poems(model, split, given=given))
        # Before the body stands the sign of its rhyme, and after it [END].
        starts = [int(split.poems["rhyme"][row] > 0) for row in range(len(split))]
        costs.append([read[row].nats.numpy()[start:-1] for row, start in enumerate(starts)])
    figures = []
    for row, (titled, bare) in enumerate(zip(*costs, strict=True)):
        tokens = tuple(vocab.encode(poems[row].body))
        figures.append(ranker.figures(Draft(row, tokens, tuple(titled.tolist()), float(bare.sum()))))
    scored = reader.scores([poem.body for poem in poems], figures)
    return np.array([[found[name] for name in FIGURES] for found, _ in scored])


def weights_of(people: NDArray[np.float64], network: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F,) the weights of FIGURES by regression, without those that would speak for the worse of two drafts.

    People write less likely lines than a network at a low temperature does. To choose the less likely draft for that
    makes it no better, but stranger.
    """
    good = np.array([-1.0 if name == "repeats" else 1.0 for name in FIGURES])
    kept = np.ones(len(FIGURES), dtype=np.bool_)
    while True:
        weights = np.zeros(len(FIGURES))
        weights[kept] = regression(people[:, kept], network[:, kept])
        wrong = weights * good < 0
        if not wrong.any():
            return weights
        kept &= ~wrong


def regression(people: NDArray[np.float64], network: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F,) the weights by which figures (N, F) tell people from the network: a logistic regression, by Newton's method.

    >>> weights = regression(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [-1.0, 0.0]]))
    >>> bool(weights[0] > 1), float(weights[1])
    (True, 0.0)
    """
    rows = np.concatenate([people, network])
    targets = np.repeat([1.0, 0.0], (len(people), len(network)))
    scale = np.where(rows.std(0) > 0, rows.std(0), 1.0)
    x = np.column_stack([(rows - rows.mean(0)) / scale, np.ones(len(rows))])
    beta = np.zeros(x.shape[1])
    ridge = _RIDGE * len(x) * np.eye(x.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (targets - chance) - ridge @ beta
        beta += np.linalg.solve((x * (chance * (1 - chance))[:, None]).T @ x + ridge, slope)
    weights: NDArray[np.float64] = beta[:-1] / scale
    return weights


def _chosen(poems: Sequence[Poem], rows: NDArray[np.bool_]) -> list[Poem]:
    return [poems[row] for row in np.flatnonzero(rows).tolist()]
