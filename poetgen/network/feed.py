"""The batches of a training run: an epoch after the other, each batch cut by rows into shards.

A batch has a shard for each process of the run and each part of --accumulate. Batches follow from (seed, epoch), so
that a resumed run finds its place again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from poetgen.config import TrainConfig
from poetgen.data.batches import Batch, BatchGroup, StreamBatches, batch_groups, poem_batches
from poetgen.data.dataset import Split

_T = TypeVar("_T")

#: The shards of a batch that this process computes.
Shards = tuple[Batch, ...]


@dataclass(frozen=True)
class Epoch:
    """How many batch groups an epoch has, and the batches of each: more than one where poems are long."""

    groups: int
    batches: Callable[[int], Iterator[Shards]]

    def rest(self, group: int, window: int) -> Iterator[tuple[Shards, tuple[int, int]]]:
        """The batches from a place on, and with each the place (group, window) after it."""
        for number in range(group, self.groups):
            batches = list(self.batches(number))
            for done, shards in enumerate(batches[window:], start=window + 1):
                yield shards, (number, done) if done < len(batches) else (number + 1, 0)
            window = 0


class Feed:
    """Draws the epochs of a run from a split: of `parts` shards a batch has, those numbered `shards`."""

    def __init__(self, split: Split, config: TrainConfig, shards: range, parts: int) -> None:
        self._split, self._config, self._shards, self._parts = split, config, shards, parts
        self._plans: dict[int, Future[list[BatchGroup]]] = {}

    def epoch(self, number: int) -> Epoch:
        """An epoch, counted from 0."""
        config, split, seed = self._config, self._split, (self._config.seed, number)
        if config.sampling == "poems":
            groups = self._plan(number)

            def batches(group: int) -> Iterator[Shards]:
                parts = [groups[group].part(shard, self._parts) for shard in self._shards]
                return zip(*(poem_batches(split, part, config.seq_len) for part in parts), strict=True)

            return Epoch(len(groups), batches)
        if config.sampling == "sequential":
            stream = StreamBatches.sequential(split.stream, config.batch_size, config.seq_len)
        else:
            stream = StreamBatches.random(split.stream, config.batch_size, config.seq_len, seed)
        shards = [stream.part(shard, self._parts) for shard in self._shards]
        return Epoch(len(stream), lambda group: iter([tuple(shard[group] for shard in shards)]))

    def _plan(self, number: int) -> list[BatchGroup]:
        """The batch groups of an epoch; those of the next are planned in a thread while it runs."""
        for epoch in (number, number + 1):
            if epoch not in self._plans:
                planner = ThreadPoolExecutor(1)
                size, seed = self._config.batch_size * self._config.seq_len, (self._config.seed, epoch)
                self._plans[epoch] = planner.submit(batch_groups, self._split, size, self._config.seq_len, seed)
                planner.shutdown(wait=False)
        self._plans = {epoch: plan for epoch, plan in self._plans.items() if epoch >= number}
        return self._plans[number].result()

    def frequencies(self) -> NDArray[np.int64]:
        """(V,) how often each token is scored in an epoch."""
        if self._config.sampling == "poems":
            return self._split.frequencies()
        return np.bincount(self._split.stream, minlength=len(self._split.layout.vocab))


def pinned(shards: Shards, device: torch.device) -> Shards:
    """The same, for a GPU in memory that it can copy from while other work goes on."""
    if device.type != "cuda":
        return shards
    with torch.cuda.device(device):
        return tuple(Batch(_pin(batch.inputs), _pin(batch.labels), batch.carry) for batch in shards)


def _pin(array: NDArray[np.int64]) -> NDArray[np.int64]:
    pinned_array: NDArray[np.int64] = torch.from_numpy(np.ascontiguousarray(array)).pin_memory().numpy()
    return pinned_array


def ahead(items: Iterator[_T], depth: int = 2) -> Iterator[_T]:
    """The same items, none of them None, `depth` of which are made in a thread while the one before is used.

    What making one raises is raised here; closing the generator ends the thread.
    """
    maker = ThreadPoolExecutor(1)
    try:
        coming = deque(maker.submit(next, items, None) for _ in range(depth))
        while (item := coming.popleft().result()) is not None:
            coming.append(maker.submit(next, items, None))
            yield item
    finally:
        maker.shutdown(cancel_futures=True)
