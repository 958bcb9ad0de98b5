"""What `poetgen train` says while a run goes on: its steps on the bar, its evaluations above it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from poetgen.cli.progress_bar import ProgressBar
from poetgen.humanize import brief, duration
from poetgen.network.records import EvalRecord, RateRecord, StepRecord, TrainingRecord, VectorsRecord

_WHY = {
    "budget": "its share of the budget is spent",
    "jump": "the validation loss jumped",
    "plateau": "the validation loss stopped falling",
}


class RunView:
    """Shows the records of a training run as they come.

    `write` gives a few lines from the model as it stands; they follow each evaluation.
    """

    def __init__(self, progress: ProgressBar, write: Callable[[], Sequence[str]]) -> None:
        self._progress = progress
        self._write = write
        self._figures: Sequence[str] = ()

    def step(self, share: float, whole: float) -> None:
        """Move the bar, at every step of the optimizer."""
        if self._progress.live:
            self._progress.update("training", share, whole, self._figures)

    def show(self, record: TrainingRecord) -> None:
        """Draw one record."""
        match record:
            case StepRecord():
                self._figures = _step_figures(record)
                self._progress.update("training", record.share, 1.0, self._figures)
            case EvalRecord():
                self._progress.say(_evaluation(record))
                for line in self._write() if math.isfinite(record.valid_loss) else ():
                    self._progress.say(f"    {line}")
            case VectorsRecord():
                self._progress.say(
                    f"the embedding starts from vectors of {record.characters:,} characters, "
                    f"which took {duration(record.seconds)}"
                )
            case RateRecord():
                self._progress.say(f"step {record.step}: learning rate {record.lr:g}, {_WHY[record.why]}")


def _step_figures(record: StepRecord) -> tuple[str, ...]:
    """The figures of some steps, the most telling first."""
    return (
        f"step {record.step}",
        f"loss {brief(record.loss, 3)}",
        f"ppl {brief(record.perplexity)}",
        f"lr {record.lr:.2g}",
        f"norm {brief(record.grad_norm, 2)}",
        f"{record.tokens_per_second:,.0f} tokens/s",
    )


def _evaluation(record: EvalRecord) -> str:
    best = ", the best so far" if record.best else ""
    chars = f"ppl_char {brief(record.ppl_char)}, " if record.ppl_char < math.inf else ""
    return (
        f"step {record.step}, epoch {record.epoch:.2f}, {duration(record.seconds)}: validation "
        f"{chars}ppl_all {brief(record.ppl_all)}{best}"
    )
