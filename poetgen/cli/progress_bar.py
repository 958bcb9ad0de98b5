"""Progress on a terminal. rich draws the bar, and is imported when it is needed and not before."""

from __future__ import annotations

import sys
import time
from bisect import bisect_right
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from poetgen.cli.terminal import columns, is_quiet, is_terminal
from poetgen.humanize import duration
from poetgen.text import escaped

if TYPE_CHECKING:
    from rich.progress import Progress


#: Seconds of work that tell how long the rest will take.
_TELLING: Final = 2.0


#: Seconds between what is remembered of how far the work was.
_APART: Final = 0.1


class ProgressBar:
    """Progress on stderr: a live bar on a terminal, elsewhere a plain line now and then.

    Nothing is shown in the first `delay` seconds, so that quick work stays quiet.
    """

    def __init__(self, stream: TextIO | None = None, delay: float = 2.0, every: float = 10.0) -> None:
        self._stream = stream or sys.stderr
        self._quiet = is_quiet()
        self._live = is_terminal(self._stream)
        self._delay, self._every = delay, every
        self._bar: Progress | None = None
        self._task: Any = None
        self._what = ""
        self._first = self._said = 0.0
        self._seen: list[tuple[float, float]] = [(0.0, 0.0)]  # when what was done

    def __enter__(self) -> Self:
        self._said = time.monotonic() + self._delay - self._every
        self._shown_from = time.monotonic() + self._delay
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    @property
    def live(self) -> bool:
        """Whether there is a bar that may move often, rather than a line now and then."""
        return self._live

    def update(self, what: str, done: float, total: float, note: str | Sequence[str] = "") -> None:
        """Say that `done` of `total` is done; a new `what` starts a new estimate of the time that is left.

        Of a `note` in parts, the most important first, a bar shows as many as the terminal has room for.
        """
        now = time.monotonic()
        if what != self._what:
            self._what, self._first = what, done
        if done <= self._first:  # what has to be loaded before the work begins says nothing of how long it takes
            self._seen = [(now, done)]
        elif now >= self._seen[-1][0] + _APART:
            self._seen.append((now, done))
        if now < self._shown_from or self._quiet:
            return
        left = self._left(now, done, total)
        parts = [note] if isinstance(note, str) else note
        if self._live:
            self._draw(what, done, total, f"{left} left" if left else "", parts)
        elif now >= self._said + self._every:
            self._said = now
            share = f"{done / total:.0%}" if total else ""
            parts = [share, f"{left} left" if left else "", " ".join(parts)]
            print(f"{what}: {', '.join(part for part in parts if part)}", file=self._stream, flush=True)

    def say(self, line: str) -> None:
        """A line of its own, above the bar where there is one."""
        if self._quiet:
            return
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
        """The time that is left, by the speed of the latter half of the work so far: what begins slowly gets faster."""
        (began, _), elapsed = self._seen[0], now - self._seen[0][0]
        if done <= self._first or elapsed < _TELLING or done >= total:
            return ""
        place = bisect_right(self._seen, began + elapsed / 2, key=lambda seen: seen[0]) - 1
        since, before = self._seen[place]
        if before >= done:
            return ""
        # What lies before the middle is asked for no more.
        del self._seen[1:place]
        return duration((now - since) * (total - done) / (done - before))

    def _draw(self, what: str, done: float, total: float, left: str, note: Sequence[str]) -> None:
        if self._bar is None:
            self._begin(what)
        console, what = self._bar.console, escaped(what)  # type: ignore[union-attr]
        shown, room = "", console.width - columns(what) - _bar_width(console.width) - columns(left) - 9
        for part in map(escaped, note):
            if columns(shown) + columns(part) + 1 > room:
                break
            shown += (" " if shown else "") + part
        self._bar.update(  # type: ignore[union-attr]
            self._task, description=what, completed=done, total=total or None, left=left, note=shown
        )
        self._bar.start()  # type: ignore[union-attr]

    def _begin(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(file=getattr(self._stream, "terminal_stream", self._stream))
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_bar_width(console.width)),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[left]}", style="cyan", markup=False),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
            refresh_per_second=4,
        )
        self._task = self._bar.add_task(what, left="", note="")


def _bar_width(columns: int) -> int:
    return max(5, min(40, columns // 4))
