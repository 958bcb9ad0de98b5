"""The processes of one run, which torchrun starts: what they sum, tell and gather.

    torchrun --nproc-per-node 2 -m poetgen train …

Every process, a rank, holds the whole model and computes some rows of each batch. What the ranks do together they
all have to do, and in the same order; once one of them is gone, that raises RankError on the others.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from poetgen.errors import RankError

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

#: How long ranks wait for one that does not answer; rank 0 keeps the others waiting while it saves and draws.
TIMEOUT = timedelta(minutes=5)


class World:
    """A world of one: a process that has nothing to sum and nobody to tell. It is also the form of larger ones.

    `rank` is the number of this process, from 0, of the `size` that train together. A world is a context, which all
    leave at once.
    """

    rank, size = 0, 1

    def device(self, name: str) -> str:
        """What --device `name` means for this rank: each of a machine takes a GPU of its own."""
        return name

    def sum(self, tensor: Tensor) -> None:
        """Put the sum over all ranks into `tensor`, which has the same shape and dtype on each. Raises RankError."""

    def first(self, work: Callable[[], T]) -> T:
        """What `work` gives on rank 0, where alone it is called, told to all ranks. Raises RankError."""
        return work()

    def gather(self, value: T) -> list[T]:
        """The `value` of each rank, in their order, on every rank. Raises RankError."""
        return [value]

    def tells(self) -> bool:
        """Whether this rank is the first to ask. Of those that end with an error, that one says so."""
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


def join() -> World:
    """The world that torchrun has made this process part of; without torchrun, a world of one, which loads nothing.

    Raises RankError where the others are not found.
    """
    return _Joined() if int(os.environ.get("WORLD_SIZE", "1")) > 1 else World()


def end(code: object) -> None:
    """End a process of several at once, with its exit code; without torchrun, do nothing.

    gloo's threads may outlive the interpreter, and then abort a process whose work is done.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


class _Joined(World):
    """A world of several, found by the environment that torchrun has set."""

    def __init__(self) -> None:
        import torch
        import torch.distributed as dist
        from torch.distributed.rendezvous import rendezvous

        # What lies on a GPU is summed through nccl, all else through gloo.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        try:
            self._store, self.rank, self.size = next(rendezvous("env://", timeout=TIMEOUT))
            dist.init_process_group(backend, store=self._store, rank=self.rank, world_size=self.size, timeout=TIMEOUT)
        except (RuntimeError, ValueError) as error:
            raise RankError(f"the processes of the run do not find each other ({error}); use torchrun") from error
        self._dist = dist
        self.gather(None)  # a rank that ends now, by an error, would leave others looking for it

    def device(self, name: str) -> str:
        import torch

        own = name in ("auto", "cuda") and torch.cuda.is_available()
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if own else name

    def sum(self, tensor: Tensor) -> None:
        with _unbroken():
            self._dist.all_reduce(tensor)

    def first(self, work: Callable[[], T]) -> T:
        told: list[Any] = [work() if self.rank == 0 else None]
        with _unbroken():
            self._dist.broadcast_object_list(told)
        return told[0]  # type: ignore[no-any-return]

    def gather(self, value: T) -> list[T]:
        values: list[Any] = [None] * self.size
        with _unbroken():
            self._dist.all_gather_object(values, value)
        return values

    def tells(self) -> bool:
        # torchrun ends all as soon as one has ended, and this one may yet have to speak.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            return bool(self._store.add("poetgen/told", 1) == 1)
        except RuntimeError:  # nobody is left who could have said it
            return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            # torchrun ends all processes as soon as one exits with a code of its own, and rank 0 may be writing still.
            self.gather(None)
            self._dist.destroy_process_group()


@contextmanager
def _unbroken() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RankError(
            "a process of the run has ended or does not answer; what it has saved is whole: go on from it with --resume"
        ) from error
