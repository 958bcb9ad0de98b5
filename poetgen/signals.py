"""Ctrl-C and SIGTERM: work that is broken off at once, or asked to stop, and the handlers of before put back."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Self

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Ctrl-C, or SIGTERM; `number` is that of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Handlers(ABC):
    """A context in which Ctrl-C and SIGTERM are counted and come to `_take`.

    `count` is how many came, `number` that of the last, 0 before. A `patient` one is for the processes of a run under
    torchrun, which passes signals on to all of them, and more than once.
    """

    def __init__(self, patient: bool = False) -> None:
        self.patient = patient
        self.count = 0
        self.number = 0
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self._before = [signal.signal(number, self._handle) for number in _STOPPING]
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self.patient and kind is not None:
            return  # torchrun may be ending all processes by now, and this one has yet to say why
        for number, before in zip(_STOPPING, self._before, strict=True):
            signal.signal(number, before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.count, self.number = self.count + 1, number
        self._take()

    @abstractmethod
    def _take(self) -> None:
        """Do what a signal asks for."""


class Interruption(_Handlers):
    """Breaks off what happens inside with Stopped: at once, but for what is `held`.

    A patient one heeds the first signal only.
    """

    _held = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """What happens inside is not broken off, but what follows."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self.number:
            raise Stopped(self.number)

    def _take(self) -> None:
        if not self._held and (self.count == 1 or not self.patient):
            raise Stopped(self.number)


class StopRequest(_Handlers):
    """Asks what happens inside to stop, which looks at `count`; the second signal quits at once.

    `say` is called at the first, in the middle of anything: it may write to a file descriptor, but not print. A patient
    one does neither speak nor quit: torchrun ends by itself what takes too long.
    """

    def __init__(self, patient: bool = False, say: Callable[[], object] = lambda: None) -> None:
        super().__init__(patient)
        self._say = say

    def _take(self) -> None:
        if self.patient:
            return
        if self.count > 1:
            raise KeyboardInterrupt
        self._say()
