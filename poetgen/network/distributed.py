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

from poetgen.errors import RankError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

_T = TypeVar("_T")

#: How long ranks wait for one that does not answer; rank 0 keeps the others waiting while it saves and draws.
TIMEOUT = timedelta(minutes=5)


class World:
    """The processes that work together, as one of them sees it; this class is for a process that works alone.

    `rank` is the number of this process, from 0, of the `size` that there are. Alone, it is all there is: it is the
    first, and sums and gathers give back what it has. `_TorchWorld` does the same for several. A world is a context,
    which all leave at once.
    """

    rank, size = 0, 1

    def device(self, name: str) -> str:
        """What --device `name` means for this rank: each of a machine takes a GPU of its own."""
        return name

    def sum(self, tensor: Tensor) -> None:
        """Put the sum over all ranks into `tensor`, which has the same shape and dtype on each. Raises RankError."""

    def first(self, work: Callable[[], _T]) -> _T:
        """What `work` gives on rank 0, where alone it is called, told to all ranks. Raises RankError."""
        return work()

    def gather(self, value: _T) -> list[_T]:
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

    Raises UsageError where the environment that torchrun sets makes no sense, RankError where the others are not found.
    """
    if _world_size() == 1:
        return World()
    _check_environment()
    return _TorchWorld()


def end(code: object) -> None:
    """End a process of several at once, with its exit code; without torchrun, do nothing.

    gloo's threads may outlive the interpreter, and then abort a process whose work is done.
    """
    try:
        alone = _world_size() == 1
    except UsageError:  # which join has said
        alone = True
    if not alone:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _world_size() -> int:
    return _number("WORLD_SIZE", default=1, least=1)


def _number(name: str, default: int = 0, least: int = 0, below: int | None = None) -> int:
    """A whole number that torchrun sets in the environment, from `least` up; raises UsageError that names it."""
    text = os.environ.get(name) or str(default)
    number = int(text) if text.isdecimal() and len(text) < 10 else -1
    if number < least or (below is not None and number >= below):
        bounds = f"from {least} to {below - 1}" if below is not None else f"of at least {least}"
        raise UsageError(
            f"{name}={text}: not a whole number {bounds}; torchrun sets it: start the processes with torchrun, "
            f"or unset WORLD_SIZE to run alone"
        )
    return number


def _check_environment() -> None:
    """Raise UsageError where what torchrun sets makes no sense; what is missing is torch's to complain of."""
    size = _world_size()
    for name, least, below in (("RANK", 0, size), ("LOCAL_RANK", 0, size), ("MASTER_PORT", 1, 1 << 16)):
        if os.environ.get(name):
            _number(name, least=least, below=below)


class _TorchWorld(World):
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

        on_a_gpu = name in ("auto", "cuda") and torch.cuda.is_available()
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if on_a_gpu else name

    def sum(self, tensor: Tensor) -> None:
        with _unbroken():
            self._dist.all_reduce(tensor)

    def first(self, work: Callable[[], _T]) -> _T:
        values: list[Any] = [work() if self.rank == 0 else None]
        with _unbroken():
            self._dist.broadcast_object_list(values)
        return values[0]  # type: ignore[no-any-return]

    def gather(self, value: _T) -> list[_T]:
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
