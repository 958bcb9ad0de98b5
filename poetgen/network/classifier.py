"""A small network that tells kinds of poems apart: by people or by a machine, of one poet or another.

    ids ─▶ embedding ─▶ dropout ─▶ bidirectional LSTM ─▶ dropout ─▶ mean over time ─▶ linear ─▶ logit

The embeddings are those of a trained model, and stay as they are.

Shapes: B rows, T time steps, V vocabulary, E width of the embedding, C classes, N poems.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from poetgen.data.batches import batch_groups, poem_batches
from poetgen.data.dataset import Split
from poetgen.data.vocab import PAD
from poetgen.network.model import LockedDropout
from poetgen.text import clauses

#: Time steps after which a poem is cut off.
MOST_STEPS: Final = 128

# Chosen on a thousand quatrains of each side (docs/figures.md). The number of epochs is fixed: poems held out to stop
# by would be too few to trust.
_HIDDEN, _DROPOUT = 64, 0.3
_RATE, _DECAY, _CLIP = 3e-3, 0.01, 1.0
#: Tokens of a batch: sixteen seven-character quatrains.
_BATCH = 16 * 40
#: Epochs, and updates that few poems are gone through more often to make.
_EPOCHS, _UPDATES = 10, 200
#: From twice so many poems on, batches are larger, by their number, up to so many times, and epochs are fewer.
_MANY, _MOST_TIMES, _EPOCHS_OF_MANY = 8_000, 8, 4
#: Standard deviation that embeddings are brought to.
_EMBED_STD = 0.3
#: A character that comes less often than this in training is marked as rare.
_RARE = 4


class PoemClassifier(nn.Module):
    """A bidirectional LSTM over the characters of a poem, mean-pooled over time: has it a label, or which of `classes`?

    `table` (V, E) holds embeddings, such as a trained model's, which stay as they are: a thousand poems are too few to
    learn which characters go together. `counts` (V,) says how often each token came in training; to all that came
    less than four times one and the same vector is added, which is learned, for most that are rare are met once.
    """

    def __init__(self, counts: Tensor, table: Tensor, classes: int = 1) -> None:
        super().__init__()
        table = table.detach().float().cpu()
        table = table - table.mean(0)
        self.register_buffer("table", table / table.std() * _EMBED_STD)
        self.register_buffer("is_rare", (counts < _RARE).float())
        self.rare = nn.Parameter(torch.zeros(table.shape[1]))
        self.cell = nn.LSTM(table.shape[1], _HIDDEN, bidirectional=True)
        self.dropout = LockedDropout(_DROPOUT)
        self.output = nn.Linear(2 * _HIDDEN, classes)

    def forward(self, ids: Tensor) -> Tensor:
        """`ids` (B, T), [PAD] after the end → logits (B,) that they have the label, or of classes, (B, C)."""
        lengths = (ids != PAD).sum(1)
        x = F.embedding(ids.t(), self.get_buffer("table"))  # (T, B, E)
        x = self.dropout(x + self.get_buffer("is_rare")[ids.t(), None] * self.rare)
        # Packed, so that the backward direction starts at a poem's own end; what comes back is 0 at [PAD].
        packed = pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
        states, _ = pad_packed_sequence(self.cell(packed)[0])  # (T, B, 2H)
        logits: Tensor = self.output(self.dropout(states).sum(0) / lengths[:, None]).squeeze(1)
        return logits


def train_classifier(
    classifier: PoemClassifier, split: Split, labels: NDArray[np.bool_ | np.int64], seed: tuple[int, ...]
) -> Iterator[float]:
    """Teach a classifier which poems of a split have a label, or which class, (N,).

    Yields after each epoch the share that is done. Tens of thousands of poems go through in larger batches, and fewer
    times.
    """
    targets = torch.from_numpy(labels.astype(np.float32 if labels.dtype == np.bool_ else np.int64))
    loss_of = F.binary_cross_entropy_with_logits if labels.dtype == np.bool_ else F.cross_entropy
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=_RATE, weight_decay=_DECAY)
    many = min(_MOST_TIMES, max(1, len(split) // _MANY))
    tokens = _BATCH * many
    updates = len(batch_groups(split, tokens, MOST_STEPS))
    epochs = max(_EPOCHS if many == 1 else _EPOCHS_OF_MANY, ceil(_UPDATES / updates))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, epochs * updates)
    classifier.train()
    for epoch in range(epochs):
        for poems, ids in _batches(split, tokens, (*seed, epoch)):
            loss = loss_of(classifier(ids), targets[poems])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(classifier.parameters(), _CLIP)
            optimizer.step()
            schedule.step()
        yield (epoch + 1) / epochs
    classifier.eval()


@torch.no_grad()
def classify(classifier: PoemClassifier, split: Split) -> NDArray[np.float64]:
    """The logit of each poem of a split (N,), or of its classes (N, C)."""
    classes = classifier.output.out_features
    logits = np.zeros((len(split), classes) if classes > 1 else len(split))
    for poems, ids in _batches(split, 16 * _BATCH):
        logits[poems] = classifier(ids).numpy()
    return logits


def _batches(
    split: Split, tokens: int, seed: tuple[int, ...] | None = None
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """The numbers of some poems (B,), and the ids of their bodies and ends (B, T), cut off after MOST_STEPS."""
    for group in batch_groups(split, tokens, MOST_STEPS, seed):
        yield group.poems, torch.from_numpy(next(poem_batches(split, group, MOST_STEPS)).labels)


def even_marks(body: str) -> str:
    """A body with ， after its odd lines, and 。 after its even ones and the last: habits of marking are no verse.

    >>> even_marks("君自故乡来，应知故乡事！来日绮窗前；寒梅著花未？")
    '君自故乡来，应知故乡事。来日绮窗前，寒梅著花未。'
    """
    lines = clauses(body)
    return "".join(
        line + ("。" if number % 2 == 0 or number == len(lines) else "，") for number, line in enumerate(lines, start=1)
    )


def auc(others: NDArray[np.float64], labelled: NDArray[np.float64]) -> float:
    """Area under the ROC curve: how often a labelled poem's score is above another's, of all pairs; ties count half.

    It is the Mann–Whitney U divided by the number of pairs (Hanley & McNeil 1982, "The Meaning and Use of the Area
    under a Receiver Operating Characteristic (ROC) Curve"). Raises ValueError where a side has no score.

    >>> auc(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    0.875
    """
    if not len(others) or not len(labelled):
        raise ValueError("no pairs to compare: a side has no score")
    below = np.sort(others)
    wins = np.searchsorted(below, labelled, "left").sum() + np.searchsorted(below, labelled, "right").sum()
    return float(wins) / (2 * len(others) * len(labelled))
