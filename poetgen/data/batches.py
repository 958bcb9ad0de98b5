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

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetgen.data.dataset import Split
from poetgen.data.held import Marks, draw_held
from poetgen.data.sequence import HELD, Column, Ids
from poetgen.data.vocab import PAD
from poetgen.errors import DatasetError

#: How often a known field of the header is shown in training: what evaluation and sampling always give nearly always.
FIELD_RATES = {
    "form": 0.9,
    "dynasty": 0.5,
    "tune": 0.9,
    "author": 0.5,
    "keywords": 0.35,
    "title": 0.9,
    "held": 0.3,
    "rhyme": 0.5,
}
#: How often a poem without a title, as most 词 are, goes by its most telling word.
_NAMED_BY_WORD = 0.5
#: The header fields that evaluation and sampling always give.
GIVEN_FIELDS = ("form", "tune", "title")
#: Poems that do not fill a batch go with longer ones, up to so many times as long: a step costs much the same with few
#: rows as with many.
_STRETCH = 1.25
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
    """Poems that are batched together: their numbers (B,), the header that all poems show, time steps."""

    poems: NDArray[np.int64]
    header: Mapping[str, Column]
    length: int

    def part(self, part: int, parts: int) -> BatchGroup:
        """The poems of one of some parts, by rows_of."""
        return BatchGroup(self.poems[rows_of(part, parts, len(self.poems))], self.header, self.length)


def batch_groups(
    split: Split,
    batch_tokens: int,
    seq_len: int,
    seed: tuple[int, ...] | None = None,
    given: Collection[str] = GIVEN_FIELDS,
) -> list[BatchGroup]:
    """An epoch's plan: poems of like length together, about `batch_tokens` tokens a window.

    `seed` draws the order and what the header of each poem shows; without it the order is fixed and every poem
    shows the fields that are `given`: its form, tune and title, which is what validation measures. Lengths and rows
    come in multiples of BATCH_MULTIPLE: the kernels of a recurrent layer are prepared once per shape, and that costs
    more than the padding.
    """
    rng = np.random.default_rng(seed)
    order = np.arange(len(split)) if seed is None else rng.permutation(len(split))
    header = {name: split.header[name] for name in given} if seed is None else _drawn(split, rng)
    lengths = split.layout.lengths(header)[order] + split.body_sizes[order]
    lengths = -(-lengths // BATCH_MULTIPLE) * BATCH_MULTIPLE
    groups: list[BatchGroup] = []
    over, longest = order[:0], 0  # too few of their length to fill a batch
    for length in np.unique(lengths).tolist():
        if len(over) and length > _STRETCH * longest:
            groups.append(BatchGroup(over, header, longest))
            over = over[:0]
        bucket, longest = np.concatenate([over, order[lengths == length]]), length
        rows = max(1, batch_tokens // min(length, seq_len))
        rows = rows // BATCH_MULTIPLE * BATCH_MULTIPLE or rows
        full = len(bucket) // rows * rows
        groups.extend(BatchGroup(bucket[first : first + rows], header, length) for first in range(0, full, rows))
        over = bucket[full:]
    if len(over):
        groups.append(BatchGroup(over, header, longest))
    return [groups[index] for index in rng.permutation(len(groups))] if seed is not None else groups


def _drawn(split: Split, rng: np.random.Generator) -> dict[str, Column]:
    """What the header of each poem of a split shows in an epoch, drawn by FIELD_RATES."""
    layout, header = split.layout, dict(split.header)
    shown = {name: rng.random(len(split)) < rate for name, rate in FIELD_RATES.items()}
    title, words = header["title"], header["keywords"]
    by_word = (title.sizes == 0) & (rng.random(len(split)) < _NAMED_BY_WORD)
    breaks = np.append(np.flatnonzero(words.tokens == layout.sep), len(words.tokens))
    first_word = np.minimum(breaks[np.searchsorted(breaks, words.starts)] - words.starts, words.sizes)
    header["title"] = Column(
        title.tokens, np.where(by_word, words.starts, title.starts), np.where(by_word, first_word, title.sizes)
    )
    header = {name: part.where(shown[name]) for name, part in header.items()}
    if HELD in layout.vocab:
        known = split.header["form"].sizes > 0  # plain text holds nothing
        bodies = split.body.where(shown["held"] & known)
        header["held"] = draw_held(bodies, Marks.of(layout.vocab), rng)
    return header


def poem_batches(split: Split, group: BatchGroup, seq_len: int) -> Iterator[Batch]:
    """The batches of one group: usually one; poems longer than `seq_len` go on in the next with their state."""
    header = {name: part.take(group.poems) for name, part in group.header.items()}
    ids, starts, ends = split.layout.rows(header, split.body.take(group.poems))
    rows, places = len(ids), np.arange(ids.shape[1] - 1)
    inputs = np.full((rows, group.length), PAD, dtype=np.int64)
    labels = np.full_like(inputs, PAD)
    inputs[:, : ids.shape[1] - 1] = np.where(places < ends[:, None] - 1, ids[:, :-1], PAD)
    labels[:, : ids.shape[1] - 1] = np.where(places >= starts[:, None], ids[:, 1:], PAD)
    if "rhyme" in header:
        signed = np.flatnonzero(header["rhyme"].sizes)
        labels[signed, starts[signed] - 2] = ids[signed, starts[signed] - 1]
    for at in range(0, group.length, seq_len):
        columns = slice(at, at + seq_len)
        yield Batch(inputs[:, columns], labels[:, columns], carry=rows if at else 0)


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
