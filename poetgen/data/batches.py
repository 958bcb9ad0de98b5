"""Batches from a split, in two kinds: whole poems of like length, and windows of one long stream.

Poem batches, padded with [PAD]. Header and padding are not scored:

    row 0   [七绝] [TITLE] 春 晓 [BODY] 春 眠 不 觉 晓 ， … 。 [END]
    row 1   [七绝] [BODY] 白 日 依 山 尽 ， … 。 [END] [PAD] [PAD]
    label   ·      ·      ·  ·  春     眠 不 …

But where a header shows the rhyme, that is scored as well: the network learns to choose it for what stands before it.

Stream batches, in order with the state carried from window to window, or at random offsets from a zero state:

    one stream      a b c d e f g h i j k l …
    sequential      a b c d │ e f g h │ …        row 0
                    i j k l │ m n o p │ …        row 1

Shapes: B rows, T time steps, N poems.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetgen.data.dataset import Ids, Split
from poetgen.data.vocab import PAD
from poetgen.errors import DatasetError

#: How often a known field of the header is shown in training. What is shown rarely costs few tokens and still
#: teaches the network to follow it; what evaluation and sampling always give is shown nearly always.
FIELD_RATES = {
    "form": 0.9,
    "dynasty": 0.4,
    "tune": 0.9,
    "author": 0.25,
    "keywords": 0.2,
    "title": 0.9,
    "rhyme": 0.5,
}
#: What the fields that are one id each, and no text, add to a header.
_SIZES = {"form": 1, "dynasty": 1, "rhyme": 2}
#: The header fields that evaluation and sampling always give.
GIVEN_FIELDS = ("form", "tune", "title")
#: Poem batches have row and step counts in multiples of this.
BATCH_MULTIPLE = 8


def rows_of(part: int, parts: int, rows: int) -> slice:
    """The rows that one of some parts has, of `rows` in all: contiguous, in order, as even as can be, perhaps none.

    >>> [rows_of(part, 2, 5) for part in range(2)]
    [slice(0, 2, None), slice(2, 5, None)]
    """
    return slice(rows * part // parts, rows * (part + 1) // parts)


@dataclass(frozen=True)
class Batch:
    """`inputs` and `labels`, both (B, T) int64; [PAD] in the labels is not scored.

    `carry` rows go on from the state that the batch before left (its first `carry` rows); 0 means a zero state.
    """

    inputs: NDArray[np.int64]
    labels: NDArray[np.int64]
    carry: int = 0


# Poem batches ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BatchGroup:
    """Poems that are batched together: their numbers (B,), the header fields each shows (B, fields), time steps."""

    poems: NDArray[np.int64]
    shown: NDArray[np.bool_]
    length: int

    def part(self, part: int, parts: int) -> BatchGroup:
        """The poems of one of some parts, by rows_of."""
        rows = rows_of(part, parts, len(self.poems))
        return BatchGroup(self.poems[rows], self.shown[rows], self.length)


def batch_groups(
    split: Split,
    batch_tokens: int,
    seq_len: int,
    seed: tuple[int, ...] | None = None,
    given: Collection[str] = GIVEN_FIELDS,
) -> list[BatchGroup]:
    """An epoch's plan: poems of like length together, about `batch_tokens` tokens a window.

    `seed` draws the order and which header fields each poem shows; without it the order is fixed and every poem
    shows the fields that are `given`: its form, tune and title, which is what validation measures. Lengths and rows
    come in multiples of BATCH_MULTIPLE: the kernels of a recurrent layer are prepared once per shape, and that costs
    more than the padding.
    """
    shown = np.ones((len(split), len(FIELD_RATES)), dtype=np.bool_) * [name in given for name in FIELD_RATES]
    order = np.arange(len(split))
    rng = np.random.default_rng(seed)
    if seed is not None:
        shown = rng.random(shown.shape) < list(FIELD_RATES.values())
        order = rng.permutation(len(split))
    lengths = -(-_lengths(split, shown)[order] // BATCH_MULTIPLE) * BATCH_MULTIPLE
    groups: list[BatchGroup] = []
    for length in np.unique(lengths).tolist():
        bucket = order[lengths == length]
        rows = max(1, batch_tokens // min(length, seq_len))
        rows = rows // BATCH_MULTIPLE * BATCH_MULTIPLE or rows
        parts = [bucket[first : first + rows] for first in range(0, len(bucket), rows)]
        groups.extend(BatchGroup(part, shown[part], length) for part in parts)
    return [groups[index] for index in rng.permutation(len(groups))] if seed is not None else groups


def _lengths(split: Split, shown: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N,) time steps of each poem's sequence, given which header fields it shows (N, fields)."""
    steps = split.poems["body"].astype(np.int64) + 1
    for column, name in enumerate(FIELD_RATES):
        size = split.poems[name].astype(np.int64)
        steps += np.where(size > 0, _SIZES.get(name, size + 1), 0) * shown[:, column]
    return steps


def poem_batches(split: Split, group: BatchGroup, seq_len: int) -> Iterator[Batch]:
    """The batches of one group: usually one; poems longer than `seq_len` go on in the next with their state."""
    inputs = np.full((len(group.poems), group.length), PAD, dtype=np.int64)
    labels = np.full_like(inputs, PAD)
    for row, (index, shown) in enumerate(zip(group.poems.tolist(), group.shown.tolist(), strict=True)):
        shown_fields = dict(zip(FIELD_RATES, shown, strict=True))
        ids, start = split.sequence(index, shown_fields)
        inputs[row, : len(ids) - 1] = ids[:-1]
        labels[row, start : len(ids) - 1] = ids[start + 1 :]
        if shown_fields["rhyme"] and split.poems[index]["rhyme"]:
            labels[row, start - 2] = ids[start - 1]
    for at in range(0, group.length, seq_len):
        columns = slice(at, at + seq_len)
        yield Batch(inputs[:, columns], labels[:, columns], carry=len(inputs) if at else 0)


def validation_batches(
    split: Split, seq_len: int, tokens: int | None = None, shard: tuple[int, int] = (0, 1)
) -> Iterator[Batch]:
    """Windows over a split, every poem with its title, form and tune; over about `tokens` tokens, evenly chosen.

    `shard` (part, parts) takes a part of the rows of each.
    """
    stride = validation_stride(split, tokens) if tokens else 1
    for group in batch_groups(split, 64 * seq_len, seq_len)[::stride]:
        rows = group.part(*shard)
        if len(rows.poems):
            yield from poem_batches(split, rows, seq_len)


def validation_stride(split: Split, tokens: int) -> int:
    """Every how many-th group of a split makes about `tokens` tokens."""
    return max(1, int(split.body_sizes.sum()) // tokens)


# Stream batches --------------------------------------------------------------------------------------------------


class StreamBatches(Sequence[Batch]):
    """Stream batches by number: `offsets` holds the first position of each row, `steps` the length of each batch."""

    def __init__(self, stream: Ids, offsets: list[NDArray[np.int64]], steps: list[int], carry: bool) -> None:
        self._stream, self._offsets, self._steps, self._carry = stream, offsets, steps, carry

    @classmethod
    def sequential(cls, stream: Ids, batch_size: int, seq_len: int) -> StreamBatches:
        """Contiguous rows, left to right, the state carried; a remainder shorter than one column is left out.

        Raises DatasetError where the stream is too short to give each row a token.
        """
        columns = (len(stream) - 1) // batch_size
        if columns < 1:
            raise DatasetError(
                f"a stream of {len(stream)} tokens is too short for --batch-size {batch_size}: give a smaller one"
            )
        steps = range(0, columns, seq_len)
        offsets = [np.arange(batch_size, dtype=np.int64) * columns + at for at in steps]
        return cls(stream, offsets, [min(seq_len, columns - at) for at in steps], carry=True)

    @classmethod
    def random(cls, stream: Ids, batch_size: int, seq_len: int, seed: tuple[int, ...]) -> StreamBatches:
        """As many windows as cover the stream once on average, at random offsets, each from a zero state."""
        steps = min(seq_len, len(stream) - 1)
        count = max(1, len(stream) // (batch_size * steps))
        offsets = np.random.default_rng(seed).integers(0, len(stream) - steps, size=(count, batch_size))
        return cls(stream, list(offsets), [steps] * count, carry=False)

    def __len__(self) -> int:
        return len(self._steps)

    def part(self, part: int, parts: int) -> StreamBatches:
        """The same batches, each with the rows of one of some parts, by rows_of."""
        offsets = [rows[rows_of(part, parts, len(rows))] for rows in self._offsets]
        return StreamBatches(self._stream, offsets, self._steps, self._carry)

    def __getitem__(self, index: Any) -> Any:
        position = self._offsets[index][:, None] + np.arange(self._steps[index])
        inputs, labels = (self._stream[position + shift].astype(np.int64) for shift in (0, 1))
        return Batch(inputs, labels, carry=len(inputs) if self._carry and index else 0)
