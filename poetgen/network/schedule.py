"""The learning-rate schedule: step down when validation says so, and at the latest when the budget says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from poetgen.files import from_json

#: Nats above its best at which the validation loss is lost.
ASTRAY = 0.3
#: A validation loss this far above the best one is a jump: the rate is too high.
JUMP = 0.05
#: A fall by less than this does not count as one.
LEAST_FALL = 0.002
#: No more than this share of the budget is spent on warming up.
WARMUP_SHARE = 0.1
#: Evaluations without a fall before the next rate.
PLATEAU = 2


@dataclass
class LearningRateSchedule:
    """Where a run stands on its learning rates; plain numbers, so that --resume can store them.

    `level` counts the rates from 0. Each lasts at most its even share of the budget, so that a run always ends on the
    last one. On that, `patience` evaluations without a fall end the run. `best` is the lowest validation loss so far,
    `idle` counts the evaluations since it fell, `astray` those since it was near its lowest: a network that learns a
    small corpus by heart does not come back, and `patience` of them end the run at any rate.

    >>> schedule = LearningRateSchedule((0.003, 0.001), warmup=2, patience=1)
    >>> [schedule.rate(step) for step in range(3)]
    [0.0015, 0.003, 0.003]
    >>> schedule.observe(5.0), schedule.observe(5.2), schedule.rate(9)
    (None, 'jump', 0.001)
    """

    rates: tuple[float, ...]
    warmup: int = 0
    patience: int = 5
    level: int = 0
    best: float = float("inf")
    idle: int = 0
    astray: int = 0

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> LearningRateSchedule:
        """The schedule that `facts` told of; raises ValueError where they are of something else."""
        schedule = from_json(cls, {"level" if name == "rung" else name: value for name, value in facts.items()})
        least = (
            min(schedule.rates, default=0.0),
            schedule.warmup,
            schedule.patience - 1,
            schedule.level,
            schedule.idle,
            schedule.astray,
        )
        if least[0] <= 0 or not math.isfinite(sum(schedule.rates)) or min(least) < 0 or math.isnan(schedule.best):
            raise ValueError("learning rates that are none")
        if schedule.level >= len(schedule.rates):
            raise ValueError("rung: beyond the learning rates")
        return schedule

    def facts(self) -> dict[str, Any]:
        """The numbers as train.state has them, where the level is the "rung"."""
        return {
            "rates": self.rates,
            "warmup": self.warmup,
            "patience": self.patience,
            "rung": self.level,
            "best": self.best,
            "idle": self.idle,
            "astray": self.astray,
        }

    def rate(self, step: int, share: float = 0.0) -> float:
        """The learning rate of a step, counted from 0, when `share` (0 to 1) of the budget is spent.

        The first `warmup` steps rise to the first rate in a line; in a short run, the first WARMUP_SHARE of the budget.
        """
        return self.rates[self.level] * min(1.0, max((step + 1) / (self.warmup or 1), share / WARMUP_SHARE))

    def keep_pace(self, share: float) -> bool:
        """Step down if the share of the budget that is spent (0 to 1) says so; returns whether it did."""
        before = self.level
        while self.level + 1 < len(self.rates) and share >= (self.level + 1) / len(self.rates):
            self._step_down()
        return self.level > before

    def observe(self, loss: float) -> str | None:
        """Take a validation loss; returns why the rate changed ("jump", "plateau"), "stop" to end, or None."""
        last = self.level + 1 == len(self.rates)
        jumped = loss > self.best + JUMP
        self.idle = 0 if loss < self.best - LEAST_FALL else self.idle + 1
        self.best = min(self.best, loss)
        self.astray = self.astray + 1 if loss > self.best + ASTRAY else 0
        if self.astray >= self.patience:
            return "stop"
        if last:
            return "stop" if self.idle >= self.patience else None
        if jumped or self.idle >= PLATEAU:
            self._step_down()
            return "jump" if jumped else "plateau"
        return None

    def _step_down(self) -> None:
        self.level += 1
        self.idle = 0
