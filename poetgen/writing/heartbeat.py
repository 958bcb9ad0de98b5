"""How the ranks of a run tell each other now and then that they live, and how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from poetgen.network.distributed import World


class Stage(IntEnum):
    """How far a rank is with its part of a batch."""

    WRITING = 0
    WRITTEN = 1
    MERGED = 2


class Heartbeat:
    """The ranks of a run, as each of them hears of the others.

    One that is done before the others waits here, however long, and one that is gone is missed: both within the time
    that distributed.py gives a rank to answer.
    """

    #: Seconds between two beats. At each the ranks wait for the slowest to end a poem.
    EVERY: Final = 120.0

    def __init__(self, world: World) -> None:
        self.world = world
        self.done = [0] * world.size
        self._last = 0  # what this rank had done at the last beat
        self._due = time.monotonic() + self.EVERY

    def beat(self, done: int, stage: Stage = Stage.WRITING, now: bool = False) -> list[Stage]:
        """Tell the others how many poems are done, if it is time or `now`; returns the stages of all ranks, or none."""
        if self.world.size == 1:
            self.done = [done]
            return [stage]
        if not now and time.monotonic() < self._due:
            return []
        self._due = time.monotonic() + self.EVERY
        ranks = self.world.gather((done, stage))
        self.done, self._last = [done_there for done_there, _ in ranks], done
        return [stage_there for _, stage_there in ranks]

    def estimate(self, done: float) -> float:
        """The poems of all ranks, if the others go on as this one does."""
        return sum(self.done) + (done - self._last) * self.world.size if self.world.size > 1 else done

    def finish(self, done: int, merge: Callable[[Callable[[], object]], None]) -> None:
        """Wait for all ranks to have written, and for rank 0 to merge what they wrote."""
        while Stage.WRITING in self.beat(done, Stage.WRITTEN, now=True):
            pass
        if self.world.rank == 0:
            merge(lambda: self.beat(done, Stage.WRITTEN))
            self.beat(done, Stage.MERGED, now=True)
        else:
            while self.beat(done, Stage.WRITTEN, now=True)[0] != Stage.MERGED:
                pass
