"""Whether a network can tell who wrote a poem, or in which dynasty: a bidirectional LSTM with mean pooling, and what it
confuses.

Names with the most poems are chosen, and as many poems of each; the network learns from the training split and is asked
about the validation split, which holds no line of the other.

Shapes: C names, V vocabulary, E embedding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from poetgen.data.dataset import Dataset, Split, poems_of
from poetgen.data.vocab import UNK_TOKEN
from poetgen.errors import UsageError
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.classifier import PoemClassifier, classify, train_classifier
from poetgen.progress import ProgressCallback, silent
from poetgen.text import LOST
from poetgen.writing.reader import reading

#: The fewest poems of a name, in training and in validation, that say anything.
FEWEST: Final = (20, 5)


@dataclass(frozen=True)
class Confusions:
    """What a network took poems for: `counts` (C, C), a row for who wrote them and a column for who was told.

    `taught` poems of each name were in training.
    """

    asked: str
    names: tuple[str, ...]
    taught: int
    counts: NDArray[np.int64]

    @property
    def recall(self) -> NDArray[np.float64]:
        """(C,) of the poems of each name, the share that is told."""
        shares: NDArray[np.float64] = self.counts.diagonal() / self.counts.sum(1)
        return shares

    @property
    def accuracy(self) -> float:
        """The mean of these; a guess has 1 / C."""
        return float(self.recall.mean())

    def record(self) -> dict[str, Any]:
        """All this as JSON has it."""
        return {
            "asked": self.asked,
            "names": list(self.names),
            "taught": self.taught,
            "counts": self.counts.tolist(),
            "accuracy": round(self.accuracy, 4),
            "chance": round(1 / len(self.names), 4),
        }


def tell_names(
    dataset: Dataset,
    checkpoint: Checkpoint,
    asked: str = "author",
    names: Sequence[str] = (),
    num: int = 7,
    poems: int = 500,
    seed: int = 1,
    progress: ProgressCallback = silent,
) -> Confusions:
    """Teach a network to tell poets, or dynasties, from `poems` poems of each, and ask it about those unseen.

    `names` are those to tell apart, else the `num` with the most poems. Raises UsageError where there are too few.
    """
    taught, unseen = (_rows_by_name(split, asked) for split in (dataset.train, dataset.valid))
    chosen = _chosen_names(taught, unseen, asked, names, num)
    random = np.random.default_rng(seed)
    each = min(poems, *(len(taught[name]) for name in chosen))
    train = {name: random.permutation(taught[name])[:each] for name in chosen}
    some = min(poems, *(len(unseen[name]) for name in chosen))
    test = {name: random.permutation(unseen[name])[:some] for name in chosen}
    classifier = _taught(_reading(dataset.train, train, checkpoint), each, len(chosen), checkpoint, seed, progress)
    told = classify(classifier, _reading(dataset.valid, test, checkpoint)).argmax(1)
    counts = np.zeros((len(chosen), len(chosen)), dtype=np.int64)
    np.add.at(counts, (np.repeat(np.arange(len(chosen)), some), told), 1)
    return Confusions(asked, tuple(chosen), each, counts)


def _rows_by_name(split: Split, asked: str) -> dict[str, NDArray[np.int64]]:
    """The numbers of the poems of each poet, or of each dynasty; those without a name are left out."""
    vocab = split.layout.vocab
    if asked == "dynasty":
        ids = split.poems["dynasty"]
        return {vocab.tokens[id].strip("[]"): np.flatnonzero(ids == id) for id in np.unique(ids[ids > 0]).tolist()}
    authors = split.header["author"]
    spans = zip(authors.starts.tolist(), (authors.starts + authors.sizes).tolist(), strict=True)
    found: dict[bytes, list[int]] = {}
    for row, (start, end) in enumerate(spans):
        if end > start:
            found.setdefault(authors.tokens[start:end].astype(np.int64).tobytes(), []).append(row)
    names = {key: vocab.decode(np.frombuffer(key, np.int64).tolist()) for key in found}
    return {names[key]: np.array(rows) for key, rows in found.items() if UNK_TOKEN not in names[key]}


def _chosen_names(
    taught: Mapping[str, Sequence[int] | NDArray[np.int64]],
    unseen: Mapping[str, Sequence[int] | NDArray[np.int64]],
    asked: str,
    names: Sequence[str],
    num: int,
) -> list[str]:
    """The names to tell apart; raises UsageError where their poems are too few."""
    sizes = Counter({name: len(rows) for name, rows in taught.items()})
    enough = [
        name
        for name, size in sizes.most_common()
        if size >= FEWEST[0] and len(unseen.get(name, ())) >= FEWEST[1] and name not in ("", "无名氏", "佚名")
    ]
    for name in names:
        if name not in enough:
            raise UsageError(
                f"--names {name}: {sizes[name]:,} poems to learn from and {len(unseen.get(name, ())):,} to be asked "
                f"about; it takes {FEWEST[0]} and {FEWEST[1]}"
            )
    chosen = list(dict.fromkeys(names)) or enough[:num]
    if len(chosen) < 2:
        what = "poets" if asked == "author" else "dynasties"
        raise UsageError(f"{len(chosen)} {what} with poems enough; give a larger corpus, or two names at least")
    return chosen


def _reading(split: Split, rows: Mapping[str, NDArray[np.int64]], checkpoint: Checkpoint) -> Split:
    """The bodies of some poems, name by name, as a classifier reads them."""
    chosen = Split(split.tokens, split.poems[np.concatenate(list(rows.values()))], split.layout)
    return reading([poem.body.replace(LOST, "") for poem in poems_of(chosen)], checkpoint.vocab)


def _taught(
    split: Split, each: int, classes: int, checkpoint: Checkpoint, seed: int, progress: ProgressCallback
) -> PoemClassifier:
    labels = np.repeat(np.arange(classes), each)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        classifier = PoemClassifier(torch.from_numpy(split.frequencies()), checkpoint.model.output.weight, classes)
        for share in train_classifier(classifier, split, labels, (seed,)):
            progress(share, 1.0)
    return classifier
