"""Perplexity of a model on sequences, by definitions that allow comparison between vocabularies.

`ppl_char` counts the Han characters of a body, `ppl_all` its characters, punctuation and end. A character outside
the vocabulary is charged −ln p([UNK]) + ln(20992 − Han characters in the vocabulary): the price of choosing it among
the characters of the Unicode block that the vocabulary leaves out, so that a small vocabulary gains nothing.

Shapes: B rows, T time steps, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from poetgen.data.batches import GIVEN_FIELDS, Batch, batch_groups, poem_batches
from poetgen.data.dataset import Split
from poetgen.data.vocab import PAD, UNK, Vocab, counted, unknown_nats
from poetgen.network.model import PoetModel, State
from poetgen.progress import silent

#: Window and rows of a pass over a split; they change its speed and not its figures.
SCORING_WINDOW, SCORING_ROWS = 256, 64


@dataclass
class Tally:
    """Negative log-likelihood in nats and what it was summed over; tallies add up."""

    han_nats: float = 0.0
    han: int = 0
    all_nats: float = 0.0
    all: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, ids: NDArray[np.int64], nats: NDArray[np.float64], is_counted: NDArray[np.bool_]) -> Tally:
        """What some tokens (T,) cost together, each its nats (T,); `is_counted` (V,) as by vocab.counted."""
        han = is_counted[ids]
        unknown = int((ids == UNK).sum())
        return cls(float(nats[han].sum()), int(han.sum()), float(nats.sum()), len(ids), unknown)

    def __iadd__(self, other: Tally) -> Tally:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    @property
    def ppl_char(self) -> float:
        """Perplexity over Han characters; infinite where there are none."""
        return perplexity(self.han_nats / self.han) if self.han else math.inf

    @property
    def ppl_all(self) -> float:
        """Perplexity over characters, punctuation and end of poem."""
        return perplexity(self.all_nats / self.all) if self.all else math.inf

    @property
    def bpc(self) -> float:
        """Bits per character over all tokens, for plain text."""
        return bits(self.all_nats / self.all) if self.all else math.inf

    def figures(self) -> dict[str, float | int]:
        """The figures by the names under which they are reported."""
        return {
            "ppl_char": self.ppl_char,
            "ppl_all": self.ppl_all,
            "bpc": self.bpc,
            "characters": self.han,
            "tokens": self.all,
            "unknown": self.unknown,
        }


def perplexity(nats: float) -> float:
    """The perplexity of a mean cost in nats; infinite where it has no float."""
    return math.exp(nats) if nats < 700 else math.inf


def bits(nats: float) -> float:
    """Nats as bits."""
    return nats / math.log(2)


class Reading(NamedTuple):
    """What a model made of some labels (N,): what each cost in nats, the likeliest token there and its probability."""

    labels: Tensor
    nats: Tensor
    likeliest: Tensor
    chances: Tensor


class Scorer:
    """Runs a model over batches, teacher-forced, and tallies what the labels cost."""

    def __init__(self, vocab: Vocab) -> None:
        self.is_counted = counted(vocab)
        self._unknown_nats = unknown_nats(vocab)

    def tally(self, model: PoetModel, batches: Iterable[Batch]) -> Tally:
        """The tally of all batches together."""
        total = Tally()
        for read in self.read(model, batches):
            total += Tally.of(read.labels.numpy(), read.nats.numpy(), self.is_counted)
        return total

    def poems(
        self,
        model: PoetModel,
        split: Split,
        progress: Callable[[int, int], object] = silent,
        given: Collection[str] = GIVEN_FIELDS,
    ) -> Iterator[tuple[int, Reading]]:
        """For each poem of a split, given its title, tune and form: its number, and the reading of its body and end.

        `given` names other fields of the header to give; where the rhyme is, its sign is read first.

        Poems come in the order of their lengths.
        """
        done = 0
        for group in batch_groups(split, SCORING_ROWS * SCORING_WINDOW, SCORING_WINDOW, given=given):
            batches = list(poem_batches(split, group, SCORING_WINDOW))
            readings: list[list[Reading]] = [[] for _ in group.poems]  # of each poem, a window after the other
            for batch, read in zip(batches, self.read(model, batches), strict=True):
                sizes = (batch.labels != PAD).sum(1).tolist()
                for windows, *parts in zip(readings, *(torch.split(part, sizes) for part in read), strict=True):
                    windows.append(Reading(*parts))
            for number, windows in zip(group.poems.tolist(), readings, strict=True):
                yield number, Reading(*map(torch.cat, zip(*windows, strict=True)))
            done += len(group.poems)
            progress(done, len(split))

    @torch.no_grad()
    def read(self, model: PoetModel, batches: Iterable[Batch]) -> Iterator[Reading]:
        """For each batch the reading of its scored labels, on the CPU, row by row."""
        device = next(model.parameters()).device
        training = model.training
        model.eval()
        state: State | None = None
        try:
            for batch in batches:
                inputs, labels, state = to_device(batch, state, device)
                features, state = model.features(inputs, state)
                scored = labels != PAD
                kept = labels[scored]
                logits = model.logits(features[scored]).float()
                nats = F.cross_entropy(logits, kept, reduction="none")
                best, likeliest = logits.max(-1)
                chances = (best - logits.gather(-1, kept[:, None]).squeeze(-1) - nats).exp()
                read = Reading(kept.cpu(), nats.double().cpu(), likeliest.cpu(), chances.cpu())
                read.nats[read.labels == UNK] += self._unknown_nats
                yield read
        finally:
            model.train(training)


def to_device(batch: Batch, state: State | None, device: torch.device) -> tuple[Tensor, Tensor, State | None]:
    """A batch as tensors (B, T) and the state it goes on from, detached (truncated BPTT); None is a zero state."""
    arrays = (np.ascontiguousarray(array) for array in (batch.inputs, batch.labels))
    inputs, labels = (torch.from_numpy(array).to(device, non_blocking=True) for array in arrays)
    if not batch.carry or state is None:
        return inputs, labels, None
    return inputs, labels, tuple(part[:, : batch.carry].detach() for part in state)
