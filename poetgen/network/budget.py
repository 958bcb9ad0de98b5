"""How far a run has come, and what share of its budget, in epochs or minutes, that is."""

from __future__ import annotations

import time
from dataclasses import dataclass

from poetgen.config import TrainConfig

DEFAULT_EPOCHS = 10


@dataclass
class RunPosition:
    """Where a run stands; plain numbers, stored in train.state."""

    step: int = 0
    epoch: int = 0
    group: int = 0  # batch groups of the epoch that are done
    window: int = 0  # windows of the current group that are done
    seconds: float = 0.0
    tokens: int = 0  # scored tokens
    evaluations: int = 0
    closing: float = 0.0  # seconds that the last evaluation took, with all that was shown and saved
    vectors: float = 0.0  # seconds that --init-embeddings took before the first step


class Budget:
    """The epochs and the minutes that a run may take, whichever ends first, and the clock that counts them.

    `evaluation_tokens` is how many tokens an evaluation scores: by it the end is guessed before the first one. The
    minutes that skip-gram vectors take are spent from the budget, and what is left of it is shared out.
    """

    def __init__(self, config: TrainConfig, evaluation_tokens: float) -> None:
        self.epochs = config.epochs or (0 if config.max_minutes else DEFAULT_EPOCHS)
        self._seconds = 60 * config.max_minutes
        self._evaluation_tokens = evaluation_tokens
        self._zero = time.monotonic()

    def start(self, spent: float) -> None:
        """Start the clock, for a run that has taken `spent` seconds so far."""
        self._zero = time.monotonic() - spent

    def clock(self) -> float:
        """The seconds that the run has taken, by the clock of this process."""
        return time.monotonic() - self._zero

    def leave_out(self, seconds: float) -> None:
        """Do not count some seconds that have passed."""
        self._zero += seconds

    def share(self, position: RunPosition, groups: int) -> float:
        """The share that is spent, 0 to 1, where the epoch has `groups` batch groups."""
        shares = [0.0]
        if self.epochs:
            shares.append((position.epoch + position.group / groups) / self.epochs)
        if self._seconds:
            left = self._seconds - position.vectors
            # Early on the end is but guessed at, and may seem to take longer than there is time.
            shares.append(_training(position) / (left - min(self._closing(position), left / 2)))
        return min(1.0, max(shares))

    def _closing(self, position: RunPosition) -> float:
        """Seconds that the end of the run will take: one more step, the evaluation, and saving."""
        step = _training(position) / max(1, position.step)
        # Before the first evaluation, as long as its tokens would take to train on: the time that scoring takes less is
        # what saving takes.
        guess = _training(position) * self._evaluation_tokens / max(1, position.tokens)
        return step + (position.closing or guess)


def _training(position: RunPosition) -> float:
    """Seconds since the first step began."""
    return position.seconds - position.vectors
