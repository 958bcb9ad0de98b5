"""The gradient of a batch, computed shard by shard and summed over shards and processes.

In bf16 a copy of the network computes in bfloat16, while the gradients are summed, and the optimizer keeps its master
weights, in fp32 (Micikevicius et al. 2018, "Mixed Precision Training").
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from poetgen.data.batches import Batch, rows_of
from poetgen.data.vocab import PAD
from poetgen.network.distributed import World
from poetgen.network.model import PoetModel, State
from poetgen.network.perplexity import to_device


class BatchLoss(NamedTuple):
    """The loss of a batch, in nats summed over its scored `tokens`; whether any process is asked to stop; the time.

    `seconds` are those by the clock of rank 0.
    """

    loss: Tensor | float
    tokens: int
    stop: bool
    seconds: float


class Gradients:
    """Puts the gradient of a batch's mean loss into the .grad of the weights of `model`, the master weights.

    `worker` is the network that computes: `model` itself in fp32. A batch has `parts` shards, of which those numbered
    `shards` are computed here; each has a state of its own, which is carried from window to window.
    """

    def __init__(
        self, model: PoetModel, dtype: torch.dtype, world: World, shards: range, parts: int, seed: int
    ) -> None:
        self.model, self.world = model, world
        self.worker = model if dtype is torch.float32 else copy.deepcopy(model).to(dtype)
        self.worker.train()
        self.states: list[State | None] = [None] * len(shards)
        self._shards, self._parts, self._seed = shards, parts, seed
        self._joint = _joined(list(model.parameters())) if parts > 1 else None

    @property
    def summed_bytes(self) -> int:
        """Bytes that a step sums over all processes."""
        return self._joint.nbytes if self._joint is not None and self.world.size > 1 else 0

    def compute(self, shards: Sequence[Batch], step: int, look_up: Callable[[], tuple[bool, float]]) -> BatchLoss:
        """The gradient of a batch; `look_up` then says whether this process is to stop, and its seconds so far."""
        if self._joint is None:
            self.model.zero_grad(set_to_none=True)
        else:
            self._joint.zero_()
        loss: Tensor | float = 0.0
        count = 0
        for index, shard in enumerate(shards):
            part, scored = self._backward(index, shard, step)
            loss, count = loss + part, count + scored
        stop, seconds = look_up()
        if self._joint is not None:
            numbers = torch.tensor([float(loss), count, stop, 0.0 if self.world.rank else seconds])
            self._joint[-len(numbers) :] = numbers
            self.world.sum(self._joint)
            loss, tokens, asked, seconds = self._joint[-len(numbers) :].tolist()
            count, stop = int(tokens), asked > 0
            self._joint /= max(1, count)
        return BatchLoss(loss, count, stop, seconds)

    def descend(self, optimizer: torch.optim.Optimizer, rate: float, clip: float) -> float:
        """Clip the gradient to the norm `clip` (0: leave it), and let the optimizer step; returns the norm before.

        Where that is no number, the step is skipped.
        """
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        total = torch.nn.utils.get_total_norm(gradients)
        norm = float(total)
        if math.isfinite(norm):
            if 0 < clip < norm:
                torch.nn.utils.clip_grads_with_norm_(self.model.parameters(), clip, total)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            self.publish()
        return norm

    def gather_states(self) -> list[State]:
        """The carried states of the shards of all processes, on the CPU, of those that have one."""
        states = [tuple(part.detach().cpu() for part in state or ()) for state in self.states]
        return [state for rank in self.world.gather(states) for state in rank if state]

    def restore_states(self, carried: State) -> None:
        """Take this process's rows of a state that was carried by all shards together; it may be empty."""
        weight = next(self.worker.parameters())
        for index, shard in enumerate(self._shards):
            rows = (part[:, rows_of(shard, self._parts, part.shape[1])] for part in carried)
            self.states[index] = tuple(part.to(weight.device, weight.dtype) for part in rows) or None

    def publish(self) -> None:
        """Copy the master weights into the network that computes."""
        if self.worker is not self.model:
            with torch.no_grad():
                for master, parameter in self.pairs():
                    parameter.copy_(master)

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Each master weight and its likeness in the network that computes."""
        return zip(self.model.parameters(), self.worker.parameters(), strict=True)

    def _backward(self, index: int, batch: Batch, step: int) -> tuple[Tensor | float, int]:
        """Add one shard's gradient to the master weights' .grad; returns its summed loss and scored tokens."""
        if not len(batch.inputs):
            self.states[index] = None
            return 0.0, 0
        # Dropout follows from the seed, the step and the shard, so that a resumed run needs no state of a generator.
        torch.manual_seed(mixed_seed(self._seed, step, self._shards[index]))
        device = next(self.worker.parameters()).device
        inputs, labels, state = to_device(batch, self.states[index], device)
        features, self.states[index] = self.worker.features(inputs, state)
        count = int((batch.labels != PAD).sum())
        if not count:
            return 0.0, 0
        loss = self.worker.loss(features, labels)
        # How many tokens the other shards score is not known yet; a sum over all shards is divided in the end.
        torch.autograd.backward(loss / count if self._joint is None else loss)
        if self.worker is not self.model:
            for master, parameter in self.pairs():
                if parameter.grad is not None:
                    whole = parameter.grad.float() if master.grad is None else master.grad.add_(parameter.grad)
                    master.grad, parameter.grad = whole, None
        return loss.detach(), count


def _joined(parameters: Sequence[Tensor]) -> Tensor:
    """One fp32 buffer for all gradients and four numbers after them, to be summed over processes in one go.

    The .grad of every parameter becomes a view of it.
    """
    sizes = [parameter.numel() for parameter in parameters]
    sums = torch.zeros(sum(sizes) + 4, device=parameters[0].device)
    for parameter, part in zip(parameters, torch.split(sums[:-4], sizes), strict=True):
        parameter.grad = part.view_as(parameter)
    return sums


def mixed_seed(*numbers: int) -> int:
    """One seed from some numbers, far from that of other numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
