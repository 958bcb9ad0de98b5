"""The learning-rate ladder: step down when validation says so, and at the latest when the budget says so."""

from __future__ import annotations

from dataclasses import dataclass

#: A validation loss this far above the best one is a jump: the rung is too high.
JUMP = 0.05
#: A fall by less than this does not count as one.
LEAST_FALL = 0.002
#: No more than this share of the budget is spent on warming up.
WARMUP_SHARE = 0.1
#: Evaluations without a fall before the next rung.
PLATEAU = 2


@dataclass
class Ladder:
    """Where a run stands on its learning rates; plain numbers, so that --resume can store it.

    Each rung lasts at most its even share of the budget, so that a run always ends on the last one. On that,
    `patience` evaluations without a fall end the run.

    >>> ladder = Ladder((0.003, 0.001), warmup=2, patience=1)
    >>> [ladder.rate(step) for step in range(3)]
    [0.0015, 0.003, 0.003]
    >>> ladder.observe(5.0), ladder.observe(5.2), ladder.rate(9)
    (None, 'jump', 0.001)
    """

    rates: tuple[float, ...]
    warmup: int = 0
    patience: int = 5
    rung: int = 0
    best: float = float("inf")
    idle: int = 0

    def rate(self, step: int, share: float = 0.0) -> float:
        """The learning rate of a step, counted from 0, when `share` (0 to 1) of the budget is spent.

        The first `warmup` steps rise to the rung in a line; in a short run, the first WARMUP_SHARE of the budget.
        """
        return self.rates[self.rung] * min(1.0, max((step + 1) / (self.warmup or 1), share / WARMUP_SHARE))

    def due(self, share: float) -> bool:
        """Step down if the share of the budget that is spent (0 to 1) says so."""
        moved = False
        while self.rung + 1 < len(self.rates) and share >= self._latest(self.rung):
            self._descend()
            moved = True
        return moved

    def observe(self, loss: float) -> str | None:
        """Take a validation loss; returns why the rung changed ("jump", "plateau"), "stop" to end, or None."""
        last = self.rung + 1 == len(self.rates)
        jumped = loss > self.best + JUMP
        self.idle = 0 if loss < self.best - LEAST_FALL else self.idle + 1
        self.best = min(self.best, loss)
        if last:
            return "stop" if self.idle >= self.patience else None
        if jumped or self.idle >= PLATEAU:
            self._descend()
            return "jump" if jumped else "plateau"
        return None

    def _latest(self, rung: int) -> float:
        return (rung + 1) / len(self.rates)

    def _descend(self) -> None:
        self.rung += 1
        self.idle = 0
