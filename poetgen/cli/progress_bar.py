"""Progress on a terminal. rich draws the bar, and is imported when it is needed and not before."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from poetgen.cli.terminal import is_terminal
from poetgen.humanize import duration
from poetgen.text import escaped

if TYPE_CHECKING:
    from rich.progress import Progress


#: Seconds of work that tell how long the rest will take.
_TELLING: Final = 2.0


class ProgressBar:
    """Progress on stderr: a live bar on a terminal, elsewhere a plain line now and then.

    Nothing is shown in the first `delay` seconds, so that quick work stays quiet.
    """

    def __init__(self, stream: TextIO | None = None, delay: float = 2.0, every: float = 10.0) -> None:
        self._stream = stream or sys.stderr
        self._live = is_terminal(self._stream)
        self._delay, self._every = delay, every
        self._bar: Progress | None = None
        self._task: Any = None
        self._what = ""
        self._began = self._first = self._said = 0.0

    def __enter__(self) -> Self:
        self._said = time.monotonic() + self._delay - self._every
        self._shown_from = time.monotonic() + self._delay
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def update(self, what: str, done: float, total: float, note: str = "") -> None:
        """Say that `done` of `total` is done; a new `what` starts a new estimate of the time that is left."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._first = what, done
        if done <= self._first:  # what has to be loaded before the work begins says nothing of how long it takes
            self._began = now
        if now < self._shown_from:
            return
        left = self._left(now, done, total)
        if self._live:
            self._draw(what, done, total, left, note)
        elif now >= self._said + self._every:
            self._said = now
            share = f"{done / total:.0%}" if total else ""
            parts = [share, f"{left} left" if left else "", note]
            print(f"{what}: {', '.join(part for part in parts if part)}", file=self._stream, flush=True)

    def say(self, line: str) -> None:
        """A line of its own, above the bar where there is one."""
        if self._bar is not None:
            self._bar.console.print(escaped(line), markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _left(self, now: float, done: float, total: float) -> str:
        elapsed = now - self._began
        if done <= self._first or elapsed < _TELLING or done >= total:
            return ""
        return duration(elapsed * (total - done) / (done - self._first))

    def _draw(self, what: str, done: float, total: float, left: str, note: str) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            console = Console(file=getattr(self._stream, "terminal_stream", self._stream))
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=max(5, min(40, console.width - 75))),
                TextColumn("{task.percentage:>3.0f}%"),
                TextColumn("{task.fields[left]}", style="cyan", markup=False),
                TextColumn("{task.fields[note]}", markup=False),
                console=console,
                transient=True,
                refresh_per_second=4,
            )
            self._task = self._bar.add_task(what, left="", note="")
        self._bar.update(
            self._task,
            description=escaped(what),
            completed=done,
            total=total or None,
            left=f"{left} left" if left else "",
            note=escaped(note),
        )
        self._bar.start()
