"""What poems cost a checkpoint: ppl_char, ppl_all and bpc, by the definitions in perplexity.py."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from poetgen.data.dataset import Split
from poetgen.data.vocab import Vocab, counted
from poetgen.judging.bootstrap import Estimate, ratio
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.perplexity import Scorer, Tally, bits, perplexity
from poetgen.progress import ProgressCallback, silent


@dataclass(frozen=True)
class Costs:
    """The tally of each poem of a split; all (N,)."""

    han_nats: NDArray[np.float64]
    han: NDArray[np.int64]
    all_nats: NDArray[np.float64]
    all: NDArray[np.int64]
    unknown: NDArray[np.int64]

    @classmethod
    def of(cls, poems: Iterable[tuple[int, NDArray[np.int64], NDArray[np.float64]]], count: int, vocab: Vocab) -> Costs:
        """Sum up `count` poems: each a number, and the ids and nats (T,) of its body and end, as of NGram.poems."""
        is_counted = counted(vocab)
        tallies = [Tally()] * count
        for number, ids, nats in poems:
            tallies[number] = Tally.of(ids, nats, is_counted)
        return cls(*(np.array([getattr(tally, field.name) for tally in tallies]) for field in fields(Tally)))

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Costs:
        """Those of some poems."""
        return Costs(*(values[chosen] for values in vars(self).values()))

    @property
    def tally(self) -> Tally:
        """The sums over all poems."""
        return Tally(*(values.sum().item() for values in vars(self).values()))

    def figures(self, seed: int = 0) -> dict[str, Estimate]:
        """ppl_char, ppl_all and bpc, with their intervals, and over how many characters they were taken."""
        counts = {"characters": self.han, "unknown": self.unknown}
        return {
            "ppl_char": ratio(self.han_nats, self.han, seed, perplexity),
            "ppl_all": ratio(self.all_nats, self.all, seed, perplexity),
            "bpc": ratio(self.all_nats, self.all, seed, bits),
        } | {name: Estimate(float(count.sum()), math.nan, math.nan, len(count)) for name, count in counts.items()}


def poem_costs(checkpoint: Checkpoint, split: Split, progress: ProgressCallback = silent) -> Costs:
    """What every poem of a split costs, teacher-forced, each given its title, tune and form."""
    scorer = Scorer(checkpoint.vocab)
    poems = scorer.poems(checkpoint.model, split, progress)
    scored = ((number, read.labels.numpy(), read.nats.numpy()) for number, read in poems)
    return Costs.of(scored, len(split), checkpoint.vocab)


def tally_poems(checkpoint: Checkpoint, split: Split, progress: ProgressCallback = silent) -> Tally:
    """The tally of every poem of a split, teacher-forced, each given its title, tune and form."""
    return poem_costs(checkpoint, split, progress).tally
