"""What `poetgen train` says while a run goes on: its steps on the bar, its evaluations above it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from poetgen.cli.progress_bar import ProgressBar
from poetgen.humanize import brief, duration

Record = Mapping[str, Any]


class RunView:
    """Shows the records of a training run as they come.

    `write` gives a few lines from the model as it stands; they follow each evaluation.
    """

    _WHY = {
        "budget": "its share of the budget is spent",
        "jump": "the validation loss jumped",
        "plateau": "the validation loss stopped falling",
    }

    def __init__(self, progress: ProgressBar, write: Callable[[], Sequence[str]]) -> None:
        self._progress = progress
        self._write = write

    def show(self, record: Record) -> None:
        """Draw one record."""
        match record["kind"]:
            case "step":
                self._progress.update("training", record["share"], 1.0, self.figures(record))
            case "eval":
                best = ", the best so far" if record["best"] else ""
                chars = f"ppl_char {brief(record['ppl_char'])}, " if record["ppl_char"] < math.inf else ""
                self._progress.say(
                    f"step {record['step']}, epoch {record['epoch']:.2f}, {duration(record['seconds'])}: validation "
                    f"{chars}ppl_all {brief(record['ppl_all'])}{best}"
                )
                for line in self._write() if math.isfinite(record["valid_loss"]) else ():
                    self._progress.say(f"    {line}")
            case "vectors":
                self._progress.say(
                    f"the embedding starts from vectors of {record['characters']:,} characters, "
                    f"which took {duration(record['seconds'])}"
                )
            case "rung":
                self._progress.say(f"step {record['step']}: learning rate {record['lr']:g}, {self._WHY[record['why']]}")

    @staticmethod
    def figures(record: Record) -> str:
        """The figures of a step in one short line."""
        return (
            f"step {record['step']} loss {brief(record['loss'], 3)} ppl {brief(record['perplexity'])} "
            f"lr {record['lr']:.2g} norm {brief(record['grad_norm'], 2)} {record['tokens_per_second']:,.0f} tokens/s"
        )
