"""What an evaluation is given, and the rows that it yields: what all families of figures share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Final, NamedTuple

from poetgen.config import EvaluateConfig
from poetgen.corpus import Poem
from poetgen.data.dataset import Dataset
from poetgen.humanize import how_many
from poetgen.judging.association import Company
from poetgen.judging.bootstrap import Estimate
from poetgen.network.checkpoint import Checkpoint
from poetgen.progress import ProgressCallback, StageCallback, silent_stages

#: The columns of poems by people, and of the n-gram model; the others have the names of checkpoints or of a file.
HUMAN: Final = "human"
NGRAM: Final = "5-gram"


class Row(NamedTuple):
    """One figure in one column, of the poems of a scope: a form, or a source of poems."""

    figure: str
    scope: str
    column: str
    estimate: Estimate


@dataclass
class Evaluation:
    """Checkpoints and poems to judge.

    `checkpoints`, one or more, have the names of their columns; `human` poems, which are of `human_source`, are held
    out, and give the titles to write for; `poems` are to be judged, and have the column `source`. The training split of
    `dataset` is what the n-gram model learns and what novelty is measured against. `notes` say what could not be
    measured, each once.
    """

    checkpoints: Mapping[str, Checkpoint]
    config: EvaluateConfig
    human: Sequence[Poem] = ()
    poems: Sequence[Poem] = ()
    source: str = "poems"
    human_source: str = "people"
    dataset: Dataset | None = None
    progress: StageCallback = silent_stages
    notes: list[str] = field(default_factory=list)

    @cached_property
    def company(self) -> Company | None:
        """What goes with what in the poems of the dataset; None without one."""
        if self.dataset is None:
            return None
        return Company.of(self.dataset.train, self.config.seed, self.progress_of("counting what goes together"))

    def note(self, text: str) -> None:
        """Say something of the figures, unless it has been said."""
        if text not in self.notes:
            self.notes.append(text)

    def progress_of(self, stage: str) -> ProgressCallback:
        """What a piece of work calls to tell how far it is."""
        return partial(self.progress, stage)


def count_of_poems(poems: Sequence[Poem]) -> str:
    """How many poems there are, in words.

    >>> count_of_poems([Poem("春眠不觉晓。")])
    '1 poem'
    """
    return how_many(len(poems), "poem")
