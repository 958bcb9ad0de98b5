"""Can a reader tell? Judges that learn to tell poems by people from generated ones, and how well they can.

    poems of both sides, as many of each, marks evened out
      └─▶ five folds ─▶ for each: a judge trained on the other four scores the poems of this one
            └─▶ AUC, the mean over the folds (0.5: cannot tell, 1: always can), and the most machine-like lines

This is the classifier two-sample test of Lopez-Paz & Oquab (2017, "Revisiting Classifier Two-Sample Tests"): as far as
poems that it has not seen can be told apart, the two distributions differ. They count right answers; the AUC needs no
threshold, and is taken over folds so that every poem is judged.

Two judges. The critic is a recurrent network over the embeddings of a trained model (network/classifier.py). The n-gram
judge is a logistic regression on the character n-grams of a poem: what can be told from near by.

Shapes: B rows, T time steps, V vocabulary, N poems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poetgen.corpus.components import connected_components
from poetgen.corpus.poem import Poem
from poetgen.data.dataset import split_of
from poetgen.data.vocab import Vocab
from poetgen.errors import SourceError, UsageError
from poetgen.network.classifier import PoemClassifier, auc, classify, even_marks, train_classifier
from poetgen.progress import ProgressCallback, silent
from poetgen.text import clauses

#: Different poems that a side must have at the least.
LEAST_OF_A_SIDE: Final = 20

Floats = NDArray[np.float64]
#: The titles of the poems by people, and of the generated ones.
TitlesOfSides = tuple[Sequence[str], Sequence[str]]


# The verdict -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MachineLikeLine:
    """A generated line: its score as a poem of its own, and the number of its poem among those given.

    Within a poem no line can be blamed: the state of a network at any step knows of all the others.
    """

    text: str
    score: float
    poem: int


@dataclass(frozen=True, eq=False)
class JudgeVerdict:
    """What a judge made of N poems, half of them by people, none of which it had seen in training.

    `scores` are higher the more machine-like: logits in standard deviations from the mean of their fold, for judges
    of different folds have no scale in common. `machine` says who wrote a poem, `poems` its number among those given
    of its side, `fold` in which fold it was judged; all (N,). `lines` are the most machine-like ones, worst first.
    """

    scores: Floats
    machine: NDArray[np.bool_]
    poems: NDArray[np.int64]
    fold: NDArray[np.int64]
    lines: tuple[MachineLikeLine, ...]

    @property
    def side(self) -> int:
        """How many poems of each side were judged; those that the larger side had more were left out."""
        return len(self.scores) // 2

    @property
    def aucs(self) -> tuple[float, ...]:
        """The AUC within each fold."""
        folds = [self.fold == fold for fold in range(int(self.fold.max()) + 1)]
        return tuple(
            auc(self.scores[in_fold & ~self.machine], self.scores[in_fold & self.machine]) for in_fold in folds
        )

    @property
    def auc(self) -> float:
        """The mean of the AUCs within the folds: 0.5 where the judge cannot tell, 1 where it always can."""
        return fmean(self.aucs)


# What judges read, and when ----------------------------------------------------------------------------------------


#: A trained judge: the scores it gives some poems.
_Judge = Callable[[Sequence[str]], Floats]
#: Trains a judge for a fold on poems and who wrote them (N,).
_Training = Callable[[int, Sequence[str], NDArray[np.bool_]], _Judge]


def _cross_validate(
    human: Sequence[str],
    machine: Sequence[str],
    titles: TitlesOfSides | None,
    seed: int,
    folds: int,
    top: int,
    train: _Training,
) -> JudgeVerdict:
    """Judge the poems of every fold by a judge trained on those of the others."""
    if folds < 2:
        raise ValueError(f"{folds} folds: a judge is not tried on what it was trained on")
    sides = [[even_marks(body) for body in side] for side in (human, machine)]
    rng = np.random.default_rng(seed)
    kept = min(map(len, sides))
    chosen = [np.sort(rng.permutation(len(side))[:kept]) for side in sides]
    texts = [side[row] for side, rows in zip(sides, chosen, strict=True) for row in rows.tolist()]
    poems = np.concatenate(chosen)
    is_machine = np.repeat([False, True], kept)
    few = min(len(set(texts[:kept])), len(set(texts[kept:]))) < max(LEAST_OF_A_SIDE, folds)
    named = [side[row] for side, rows in zip(titles, chosen, strict=True) for row in rows.tolist()] if titles else texts
    fold = _folds(_together(texts, named), is_machine, folds, rng)
    if few or len(set(zip(fold.tolist(), is_machine.tolist(), strict=True))) < 2 * folds:
        raise SourceError(
            f"{len(human):,} poems by people and {len(machine):,} generated ones are too few or too alike: it takes "
            f"{max(LEAST_OF_A_SIDE, folds)} different ones of each, better a thousand"
        )
    scores = np.zeros(len(texts))
    lines: list[MachineLikeLine] = []
    for number in range(folds):
        trained_on, unseen = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        trained = train(number, [texts[row] for row in trained_on], is_machine[trained_on])
        raw = trained([texts[row] for row in unseen])
        mean, deviation = raw.mean(), raw.std() or 1.0
        scores[unseen] = (raw - mean) / deviation
        parts = [(line, int(poems[row])) for row in unseen[is_machine[unseen]] for line in clauses(texts[row])]
        alone = (trained([even_marks(line) for line, _ in parts]) - mean) / deviation
        lines += [MachineLikeLine(line, score, poem) for (line, poem), score in zip(parts, alone.tolist(), strict=True)]
    worst = {line.text: line for line in sorted(lines, key=lambda line: line.score)}  # each text once, the last stays
    return JudgeVerdict(
        scores, is_machine, poems, fold, tuple(sorted(worst.values(), key=lambda line: -line.score)[:top])
    )


def _together(*keys: Sequence[str]) -> NDArray[np.int64]:
    """(N,) a number for each poem, the same for those that share a key, if only by way of others; "" is no key."""
    links = []
    for key in keys:
        first: dict[str, int] = {}
        links += [(row, first.setdefault(value, row)) for row, value in enumerate(key) if value]
    rows = np.array(links, dtype=np.int64).reshape(-1, 2)
    return connected_components(len(keys[0]), rows[:, 0], rows[:, 1])


def _folds(
    together: NDArray[np.int64], machine: NDArray[np.bool_], folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(N,) a fold for each poem: as many of both sides in each as can be, and one for those of one number."""
    numbers, which = np.unique(together, return_inverse=True)
    members = np.stack([np.bincount(which[machine == side], minlength=len(numbers)) for side in (False, True)], axis=1)
    order = rng.permutation(len(members))
    load = np.zeros((folds, 2), dtype=np.int64)
    place = np.zeros(len(members), dtype=np.int64)
    for number in order[np.argsort(-members[order].sum(1), kind="stable")].tolist():  # the largest first
        place[number] = np.argmin(load @ members[number])
        load[place[number]] += members[number]
    return place[which]


# The judges -----------------------------------------------------------------------------------------------------------


def judge(
    human: Sequence[str],
    machine: Sequence[str],
    vocab: Vocab,
    table: Tensor,
    seed: int = 0,
    folds: int = 5,
    top: int = 10,
    progress: ProgressCallback = silent,
    titles: TitlesOfSides | None = None,
) -> JudgeVerdict:
    """How well the critic tells generated bodies from human ones, and the `top` lines it finds most machine-like.

    `table` (V, E) are embeddings of the tokens of `vocab`, such as the weights of a trained model's output layer. The
    marks are evened out (see even_marks); characters that `vocab` lacks are [UNK]. Of the larger side as many poems
    are drawn as the smaller has. Equal poems, and those of one title where `titles` are given, are in one fold: what a
    poem is about would else tell on which side its like was in training. The same arguments give the same verdict.

    Poems are preferably all of one form. Raises SourceError where there are too few of them, ValueError for fewer than
    two folds.
    """

    def train(fold: int, texts: Sequence[str], labels: NDArray[np.bool_]) -> _Judge:
        split = split_of([Poem(text) for text in texts], vocab)
        # Not torch.manual_seed, which seeds every device; the generator of this one is put back.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed + fold)
            critic = PoemClassifier(torch.from_numpy(split.frequencies()), table)
            for share in train_classifier(critic, split, labels, (seed, fold)):
                progress(fold + share, folds)
        return lambda unseen: classify(critic, split_of([Poem(text) for text in unseen], vocab))

    return _cross_validate(human, machine, titles, seed, folds, top, train)


# The second judge ------------------------------------------------------------------------------------------------


def ngram_judge(
    human: Sequence[str],
    machine: Sequence[str],
    seed: int = 0,
    folds: int = 5,
    top: int = 10,
    progress: ProgressCallback = silent,
    titles: TitlesOfSides | None = None,
) -> JudgeVerdict:
    """The same as `judge` and in the same folds, by a logistic regression on tf-idf of character n-grams up to three.

    Raises UsageError where scikit-learn is not installed as well.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise UsageError('the n-gram judge needs scikit-learn: pip install "poetgen[sklearn]"') from None

    def train(fold: int, texts: Sequence[str], labels: NDArray[np.bool_]) -> _Judge:
        grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, lowercase=False)
        regression = LogisticRegression(C=10.0, max_iter=1000).fit(grams.fit_transform(texts), labels)

        progress(fold + 1, folds)
        return lambda unseen: regression.decision_function(grams.transform(unseen))

    return _cross_validate(human, machine, titles, seed, folds, top, train)
