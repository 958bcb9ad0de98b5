"""The write loop of `poetgen sample`: poems to a file or to stdout, with progress, notes and stops."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Final, NoReturn

from poetgen.cli.progress_bar import ProgressBar
from poetgen.cli.terminal import is_terminal
from poetgen.cli.verse import heading, verse
from poetgen.errors import RankError
from poetgen.files import to_json
from poetgen.humanize import how_many
from poetgen.network.distributed import World
from poetgen.signals import Interruption, Stopped
from poetgen.writing.batch import TitleBatch
from poetgen.writing.heartbeat import Heartbeat
from poetgen.writing.output import Output

if TYPE_CHECKING:
    from poetgen.writing.request import Options
    from poetgen.writing.sample import Sample
    from poetgen.writing.titles import Titles
    from poetgen.writing.writer import Writer

#: Poems of an earlier run between two signs of life while they are read.
_EVERY: Final = 1000


def write_batch(
    writer: Writer,
    titles: Titles,
    options: Options,
    num: int = 1,
    drawn: int = 0,
    world: World | None = None,
    output: Output | None = None,
    as_json: bool = False,
    each: Callable[[Sample], None] = lambda sample: None,
) -> TitleBatch:
    """Write all poems of a batch to a file, or to stdout, each as soon as it is finished and its turn has come.

    Shows progress and notes on stderr; `each` poem is handed on once it is written. Returns the batch, which knows what
    was left out. Raises Stopped on Ctrl-C and SIGTERM, with all finished poems in the file.
    """
    world = world or World()
    leads = world.rank == 0
    extents = world.first(output.prepare) if output else []
    interruption = Interruption(patient=world.size > 1)
    with ProgressBar() as progress, interruption, closing(output) if output else nullcontext():

        def say(text: str) -> None:
            if leads:
                progress.say(text)

        def looking(there: int) -> None:
            if leads and there % _EVERY == 0:
                progress.update("reading what is there", there, batch.total, f"{there:,} poems")

        part = output.part(world) if output else None
        after = next((extent.last for extent in extents if extent.path == part), (0, 0))
        batch = TitleBatch(
            writer,
            titles,
            options,
            num,
            drawn=drawn,
            world=world,
            extents=extents,
            after=after,
            say=say,
            looking=looking,
        )
        loop = _Loop(batch, world, output, as_json, progress, each)
        if output:
            output.open(world, extents)
        try:
            loop.run(interruption)
        except (KeyboardInterrupt, RankError) as error:
            loop.stopped(error, interruption.number, say)
        batch.close()
    return batch


class _Loop:
    """The poems of a batch on their way out; `written` counts those of this process."""

    def __init__(
        self,
        batch: TitleBatch,
        world: World,
        output: Output | None,
        as_json: bool,
        progress: ProgressBar,
        each: Callable[[Sample], None],
    ) -> None:
        self.batch, self.world, self.output, self.as_json, self.progress = batch, world, output, as_json, progress
        self._each = each
        self.terminal = output is None and is_terminal(sys.stdout)
        self.written = 0

    def run(self, interruption: Interruption) -> None:
        """Write to the end."""
        output, began = self.output, time.monotonic()
        heartbeat = Heartbeat(self.world)
        put = output.add if output else _to_stdout
        self._show(0, 0, 0)
        for line, sample in self.batch.poems():
            text = self._text(sample, line)
            # The poem, and that it is there; a reader of stdout may keep us waiting for as long as it likes.
            with interruption.held() if output else nullcontext():
                put(text)
                self.written += 1
            self._each(sample)
            heartbeat.beat(self.written)
            if self.world.rank == 0:
                written, whole = heartbeat.estimate(self.written), heartbeat.estimate(self.batch.writer.written)
                self._show(int(written), max(written, whole), time.monotonic() - began)
        if output and (self.world.size > 1 or output.parts()):
            heartbeat.finish(self.written, output.merge)

    def stopped(self, error: BaseException, number: int, say: Callable[[str], None]) -> NoReturn:
        """Say how to go on after an error that has ended the run, and raise what stands for it."""
        again = ""
        if self.output and self.as_json and self.batch.titles.name:
            again = f"the same command with --resume goes on with {self.output.path}"
        if isinstance(error, RankError) and not number:
            raise RankError(f"a process of the run has ended or does not answer; {again}") from error
        if again:
            own = " of this process" if self.world.size > 1 else ""
            say(f"stopped after {how_many(self.written, 'poem')}{own}; {again}")
        raise Stopped(number or signal.SIGINT) from error

    def _text(self, sample: Sample, line: int) -> str:
        if self.as_json:
            place = {"line": line} if line else {}
            return to_json(place | sample.record()) + "\n"
        above = heading(sample.request.title, sample.request.author, sample.form, self.terminal)
        return (
            "\n" * (self.written > 0)
            + above
            + "".join(verse(sample.text, self.terminal, sample.breaks, has_lines="\n" in sample.text))
        )

    def _show(self, written: int, worth: float, seconds: float) -> None:
        """Show how many poems are written, and how long the others take, by what is under way too: `worth` poems."""
        if self.terminal:  # there the poems themselves show how far it is
            return
        if self.batch.total == 1:
            if not written:
                self.progress.update("writing", worth, 1)
            return
        done, total = self.batch.there + written, self.batch.total
        of = f" of {total:,}" if total else ""
        rate = worth / max(seconds, 1e-9)
        pace = f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute"
        # What an earlier run has left took no time of this one.
        self.progress.update("writing", worth, max(0, total - self.batch.there), f"{done:,}{of} poems, {pace}")


def _to_stdout(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
