"""Many poems at once: numbered, split among processes, written in the order of their titles, and gone on with.

    titles.txt ──lines──▶ poems asked for ──not there yet, and this rank's──▶ jobs ──▶ poems ──▶ poems.jsonl
                              ▲
    poems.jsonl ──records─────┘  what a run that was broken off has left, checked poem by poem

A poem's place is its line of the input and its number among equal requests, which each record tells. They grow along
the file, so that going on means to walk along the input and the records side by side: what is there is passed over,
what is missing is written. Every rank walks along the whole input and takes every size-th poem, into a part of its own
(poems.jsonl.0-of-2); at the end rank 0 merges the parts. Since places are all that counts, a run may go on with
another number of processes.

Memory does not grow with the input but for 12 bytes for each request that is different, to number equal ones.
"""

from __future__ import annotations

import heapq
import json
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, Final, Self

import numpy as np

from poetgen.cli.progress_bar import ProgressBar
from poetgen.cli.terminal import is_terminal
from poetgen.cli.verse import heading, verse
from poetgen.config import SampleConfig
from poetgen.errors import RankError, SaveError, SourceError, UsageError
from poetgen.files import atomic
from poetgen.network.distributed import World
from poetgen.writing.titles import Broken, Titles

if TYPE_CHECKING:
    from poetgen.poet import Poet
    from poetgen.writing.request import Options
    from poetgen.writing.sampler import Job, Sample

#: Notes about titles, and broken lines, that are shown one by one; of more, the number.
SHOWN: Final = 10

#: Where a poem belongs: the line that asks for it, and its number among equal requests.
Place = tuple[int, int]


# Numbers ---------------------------------------------------------------------------------------------------------


class Numbers:
    """Counts equal requests, each known by 8 bytes of a hash.

    >>> from poetgen.config import SampleConfig
    >>> numbers = Numbers()
    >>> [numbers.take(request, SampleConfig(), 2) for request in ("春", "秋", "春")]
    [0, 0, 2]

    Two different requests of a million share a hash once in thirty million times; their poems are then numbered as if
    they were equal, the same in every run.
    """

    #: Requests that are kept in a dict, at some 100 bytes each, before they move into the arrays.
    RECENT: Final = 1 << 14

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._keys = np.empty(0, np.uint64)  # sorted
        self._counts = np.empty(0, np.uint32)

    def take(self, request: object, config: SampleConfig, times: int) -> int:
        """The first of the next `times` numbers of a request, counted from 0."""
        # 1 and 1.0 ask for the same.
        config = replace(config, top_p=float(config.top_p), temperature=float(config.temperature))
        key = int.from_bytes(blake2b(repr((request, config)).encode("utf-8", "replace"), digest_size=8).digest())
        number = self._recent.get(key)
        if number is None:
            number = self._settled(key)
        self._recent[key] = number + times
        if len(self._recent) > max(self.RECENT, len(self._keys) // 8):
            self._settle()
        return number

    def _settled(self, key: int) -> int:
        place = int(np.searchsorted(self._keys, np.uint64(key)))
        return int(self._counts[place]) if place < len(self._keys) and int(self._keys[place]) == key else 0

    def _settle(self) -> None:
        keys = np.concatenate([np.fromiter(self._recent, np.uint64), self._keys])
        counts = np.concatenate([np.fromiter(self._recent.values(), np.uint32), self._counts])
        self._keys, first = np.unique(keys, return_index=True)  # of equal keys the first, which is the recent one
        self._counts = counts[first]
        self._recent.clear()


# The output ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """A record of an output: its place, what it says, and where it stands ("poems.jsonl:17")."""

    place: Place
    seed: int
    fields: dict[str, Any]
    origin: str
    raw: bytes


#: How every record begins.
_RECORD: Final = b'{"line": '


@dataclass(frozen=True)
class Extent:
    """A file of records, and how many of its bytes are whole ones."""

    path: Path
    size: int

    @classmethod
    def of(cls, path: Path) -> Extent:
        """Of a file as it is, but for a record that was cut short. Raises SourceError for another tail."""
        with path.open("rb") as file:
            size = _line_before(file, file.seek(0, os.SEEK_END))
            file.seek(size)
            tail = file.read(len(_RECORD))
        if tail != _RECORD[: len(tail)]:
            raise _no_record(f"{path}, last line")
        return cls(path, size)

    @property
    def last(self) -> Place:
        """The place of the last record. Raises SourceError where that is none."""
        if not self.size:
            return 0, 0
        with self.path.open("rb") as file:
            file.seek(_line_before(file, self.size - 1))
            return self._record(file.readline(), f"{self.path}, last line").place

    def records(self) -> Iterator[Record]:
        """The records, in the order of their places. Raises SourceError for a line that is none."""
        with self.path.open("rb") as file:
            number = 0
            while file.tell() < self.size:
                number += 1
                yield self._record(file.readline(), f"{self.path}:{number}")

    @staticmethod
    def _record(raw: bytes, origin: str) -> Record:
        try:
            fields = json.loads(raw)
            place, seed = (int(fields["line"]), int(fields["number"])), int(fields["seed"])
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise _no_record(origin) from error
        return Record(place, seed, fields, origin, raw)


def _no_record(origin: str) -> SourceError:
    return SourceError(
        f"{origin}: no record of poetgen sample --input, so there is nothing to go on from; give another --output, or "
        "--overwrite"
    )


def _line_before(file: IO[bytes], end: int) -> int:
    """Where the line begins that holds the byte at `end`: behind the last line feed before it."""
    while end:
        start = max(0, end - (1 << 16))
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def merged(extents: Sequence[Extent]) -> Iterator[Record]:
    """The records of some files in the order of their places, each place once."""
    last: Place | None = None
    for record in heapq.merge(*(extent.records() for extent in extents), key=lambda record: record.place):
        if record.place != last:
            yield record
        last = record.place


class Output:
    """A file of poems: what it holds already, and what is added to it.

    Of several ranks each adds to a part of its own, which lies beside the file until the end. Each poem is on its way
    to the disk as soon as it is added, whole or, where there is no room, not at all.
    """

    def __init__(self, path: Path, resume: bool = False, overwrite: bool = False) -> None:
        self.path, self.resume, self.overwrite = path, resume, overwrite
        self._file: IO[bytes] | None = None
        self._size = 0

    def parts(self) -> list[Path]:
        """The parts that ranks have left, in the order of their names."""
        name = re.compile(re.escape(self.path.name) + r"\.\d+-of-\d+")
        folder = self.path.parent
        return sorted(path for path in folder.iterdir() if name.fullmatch(path.name)) if folder.is_dir() else []

    def part(self, world: World) -> Path:
        """The file that a rank adds to."""
        return self.path if world.size == 1 else self.path.with_name(f"{self.path.name}.{world.rank}-of-{world.size}")

    def check(self, resumable: bool) -> None:
        """Raise UsageError where there are poems already and nothing is said of them. Changes nothing."""
        parts = self.parts()
        if self.resume or self.overwrite or not (parts or (self.path.is_file() and self.path.stat().st_size)):
            return
        raise UsageError(
            f"--output {self.path}: there are poems in {parts[0] if parts else 'it'} already; "
            f"{'--resume goes on with them, ' if resumable else ''}--overwrite throws them away, or give another name"
        )

    def prepare(self) -> list[Extent]:
        """What is there to go on from; with --overwrite it is thrown away first. For one rank to do."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.overwrite:
                if self.path.is_file():
                    os.truncate(self.path, 0)
                self._remove_parts()
            return [Extent.of(path) for path in (self.path, *self.parts()) if path.is_file()] if self.resume else []
        except OSError as error:
            raise self._failed(error) from error

    def open(self, world: World, extents: Sequence[Extent]) -> None:
        """Make ready to add, behind the whole records that are there."""
        path = self.part(world)
        self._size = next((extent.size for extent in extents if extent.path == path), 0)
        try:
            # Unbuffered: what has been added is the system's, and outlives this process.
            self._file = path.open("ab", buffering=0)
            _lock(self._file, path)
            if self._file.seekable() and path.is_file():
                self._file.truncate(self._size)
        except OSError as error:
            self.close()
            raise self._failed(error) from error

    def add(self, text: str) -> None:
        """Add a poem; raises SaveError, and leaves no part of it, where that cannot be."""
        assert self._file is not None
        data = text.encode()
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._size)
            raise self._failed(error) from error
        self._size += len(data)

    def close(self) -> None:
        """Close the file; what was added stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def merge(self, tick: Callable[[], object]) -> None:
        """Put what lies in parts into the file, all at once, and remove them; calls `tick` now and then."""
        try:
            extents = [Extent.of(path) for path in (self.path, *self.parts()) if path.is_file()]
            with atomic(self.path) as file:
                for record in merged(extents):
                    file.write(record.raw)
                    tick()
            self._remove_parts()
        except OSError as error:
            raise self._failed(error) from error

    def _remove_parts(self) -> None:
        for path in self.parts():
            path.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> SaveError:
        return SaveError(f"--output {self.path}: cannot be written ({error.strerror or error}); give another place")


def _lock(file: IO[bytes], path: Path) -> None:
    """Keep other processes from adding to a file as well; where files have no locks, do nothing."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise SaveError(f"--output {path}: another run is writing it; wait for its end, or stop it") from error
    except (ImportError, OSError):
        pass


# Stops -----------------------------------------------------------------------------------------------------------


class Stopped(KeyboardInterrupt):
    """Ctrl-C, or SIGTERM; `number` is that of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Stops:
    """Makes Ctrl-C and SIGTERM raise Stopped: at once, but for the middle of a poem that is being written down.

    A `patient` one heeds the first only: torchrun passes signals on to all ranks, and more than once.
    """

    _SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, patient: bool = False) -> None:
        self.patient = patient
        self.number = 0
        self._held = False
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self._before = [signal.signal(number, self._take) for number in self._SIGNALS]
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self.patient and kind is not None:
            return  # torchrun may be ending all processes by now, and this one has yet to say why
        for number, before in zip(self._SIGNALS, self._before, strict=True):
            signal.signal(number, before)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What happens inside is not broken off."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self.number:
            raise Stopped(self.number)

    def _take(self, number: int, frame: FrameType | None) -> None:
        first, self.number = not self.number, number
        if not self._held and (first or not self.patient):
            raise Stopped(number)


# Ranks -----------------------------------------------------------------------------------------------------------


class Meetings:
    """Where the ranks of a run tell each other now and then how far they are.

    One that is done before the others waits here, however long, and one that is gone is missed: both within the time
    that parallel.py gives a rank to answer.
    """

    #: Seconds between two meetings. At each the ranks wait for the slowest to end a poem.
    EVERY: Final = 120.0
    WRITING, WRITTEN, MERGED = range(3)

    def __init__(self, world: World) -> None:
        self.world = world
        self.done = [0] * world.size
        self._own = 0  # what this rank had told last
        self._due = time.monotonic() + self.EVERY

    def tell(self, done: int, stage: int = WRITING, now: bool = False) -> list[int]:
        """Meet, if it is time or `now`; returns the stages of all ranks, or none."""
        if self.world.size == 1:
            self.done = [done]
            return [stage]
        if not now and time.monotonic() < self._due:
            return []
        self._due = time.monotonic() + self.EVERY
        told = self.world.gather((done, stage))
        self.done, self._own = [one for one, _ in told], done
        return [one for _, one in told]

    def estimate(self, done: int) -> int:
        """The poems of all ranks, if the others go on as this one does."""
        return sum(self.done) + (done - self._own) * self.world.size if self.world.size > 1 else done

    def finish(self, done: int, merge: Callable[[Callable[[], object]], None]) -> None:
        """Wait for all ranks to have written, and for rank 0 to merge what they wrote."""
        while self.WRITING in self.tell(done, self.WRITTEN, now=True):
            pass
        if self.world.rank == 0:
            merge(lambda: self.tell(done, self.WRITTEN))
            self.tell(done, self.MERGED, now=True)
        else:
            while self.tell(done, self.WRITTEN, now=True)[0] != self.MERGED:
                pass


# The batch -------------------------------------------------------------------------------------------------------


class Batch:
    """The poems that `titles` ask for, `num` for each line, with `options` where a line has none of its own.

    Of these, `jobs` and `poems` give those that are neither in `extents`, what an earlier run has left, nor another
    rank's.
    Where `options` have no seed it is that of the earlier run, or else `drawn`. `after` is the last place in the file
    that they will be added to. What there is to say goes to `say`, and how many poems were there, as they are found,
    to `looking`.
    """

    def __init__(
        self,
        poet: Poet,
        titles: Titles,
        options: Options,
        num: int = 1,
        *,
        drawn: int = 0,
        world: World | None = None,
        extents: Sequence[Extent] = (),
        after: Place = (0, 0),
        say: Callable[[str], None] = lambda text: None,
        looking: Callable[[int], None] = lambda there: None,
    ) -> None:
        self.poet, self.titles, self.options, self.num = poet, titles, options, num
        self.world = world or World()
        self.seed = options.get("seed")
        self.asked = 0  # poems that were asked for so far, of all ranks
        self.there = 0  # of these, what was there before
        self.left_out = 0  # lines
        self._good, self._last = 0, 0  # lines, and the number of the last
        self._bad: list[int] = []  # the first lines that were left out
        self._noted = 0
        self._passed_over: set[str] = set()
        self._drawn, self._say, self._looking = drawn, say, looking
        self._numbers = Numbers()
        self._lines: deque[int] = deque()  # of the poems under way
        self._after = after
        self._records = merged(extents)
        self._record = next(self._records, None)

    @property
    def total(self) -> int:
        """The poems of the whole batch, as far as it can be told; 0 where it cannot."""
        if self.titles.size is None:
            return 0
        return (self.titles.size - (self._last - self._good if self._last else 0)) * self.num

    def poems(self) -> Iterator[tuple[int, Sample]]:
        """The poems in order, each with the number of its line."""
        for sample in self.poet.samples(self.jobs()):
            yield self._lines.popleft(), sample

    def jobs(self) -> Iterator[Job]:
        """What is to be written. Raises UsageError or SourceError where the records are not of these titles."""
        fresh = True
        for line in self.titles.lines:
            self._last = line.number
            if isinstance(line, Broken):
                self._leave_out(line.number, line.reason)
                continue
            try:
                options = {**self.options, "seed": self.seed, **line.options}
                if options["seed"] is None:
                    options["seed"] = self._settle_seed(line.number)
                job, notes = self.poet.job(line.title, **options)  # type: ignore[arg-type]
            except UsageError as error:
                if not self.titles.name:
                    raise
                self._leave_out(line.number, str(error))
                continue
            self._good += 1
            if not self._begun(line.number):
                self._note(line.number, notes, line.ignored)
            first = self._numbers.take(job.request, job.config, self.num)
            for number in range(first, first + self.num):
                numbered = job._replace(number=number)
                self.asked += 1
                if self._is_there(line.number, numbered):
                    self.there += 1
                    self._looking(self.there)
                elif (self.asked - 1) % self.world.size == self.world.rank:
                    if (line.number, number) < self._after and self._record:
                        raise self._foreign(self._record, f"{self.titles.place(line.number)} asks for more")
                    if fresh and self.there:
                        self._say(f"going on after {self.there:,} poems")
                    fresh = False
                    self._lines.append(line.number)
                    yield numbered
        if self._record is not None:
            raise self._foreign(self._record, f"nothing asks for it in {self.titles.name}")

    def closing(self) -> str:
        """What there is to say about lines that were left out, in one line; empty where there are none."""
        if not self.left_out:
            return ""
        places = ", ".join(map(self.titles.place, self._bad)) + (", …" if self.left_out > len(self._bad) else "")
        were = "line was" if self.left_out == 1 else "lines were"
        return f"{self.left_out:,} of {self._good + self.left_out:,} {were} left out: {places}"

    def close(self) -> None:
        """Say how many notes were not shown."""
        if self._noted > SHOWN:
            self._say(f"and {self._noted - SHOWN:,} more notes like these")

    # What is there -----------------------------------------------------------------------------------------------

    def _begun(self, line: int) -> bool:
        return self._record is not None and self._record.place[0] == line

    def _settle_seed(self, line: int) -> int:
        """The seed of the run, where the first line that has none of its own is reached."""
        if self._record is None:
            self.seed = self._drawn
        elif self._begun(line):
            self.seed = self._record.seed
        else:
            raise SourceError(f"--resume: {self._record.origin} does not tell the seed of the run; give it with --seed")
        return self.seed

    def _is_there(self, line: int, job: Job) -> bool:
        """Whether the next record is that of a job; raises UsageError where it stands there for another one."""
        record = self._record
        if record is None or record.place > (line, job.number):
            return False
        if record.place[0] < line:
            raise self._foreign(record, f"nothing asks for it in {self.titles.name}")
        asked = _asked(job, self.poet.checkpoint.id)
        found = record.fields
        for name, value in asked.items():
            if found.get(name) != value:
                if name == "options" and isinstance(found.get(name), dict):
                    given, value = found[name], dict(value)
                    name = next(key for key in given | value if given.get(key) != value.get(key))
                    found, value = given, value.get(name)
                why = f"its {name} is {_spell(found.get(name))}, and {_spell(value)} is asked for"
                raise self._foreign(record, f"{why} by {self.titles.place(line)}")
        self._record = next(self._records, None)
        return True

    def _foreign(self, record: Record, why: str) -> UsageError:
        return UsageError(
            f"--resume: {record.origin} is of another run: {why}; give the titles and options of that run, or another "
            "--output"
        )

    # What there is to say ----------------------------------------------------------------------------------------

    def _leave_out(self, line: int, reason: str) -> None:
        self.left_out += 1
        if self.left_out <= SHOWN:
            self._bad.append(line)
            self._say(f"{self.titles.place(line)}: {reason}; left out")

    def _note(self, line: int, notes: Sequence[str], ignored: Sequence[str]) -> None:
        where = f"{self.titles.place(line)}: " if self.titles.name else ""
        for note in notes:
            self._noted += 1
            if self._noted <= SHOWN:
                self._say(where + note)
        for name in ignored:
            if name not in self._passed_over and len(self._passed_over) < SHOWN:
                self._passed_over.add(name)
                self._say(f"{where}passed over the field {name}, here and further on")


def _asked(job: Job, checkpoint: str) -> dict[str, Any]:
    """What the record of a job will say of the request, as JSON gives it back."""
    from poetgen.writing.sampler import Sample

    request, config, number = job
    assert number is not None
    record = Sample(request, config, number, "", "", 1.0).record(checkpoint)
    options = {key: list(value) if isinstance(value, tuple) else value for key, value in record["options"].items()}
    return {name: record[name] for name in ("checkpoint", "title", "seed", "number")} | {"options": options}


def _spell(value: object) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


# Writing ---------------------------------------------------------------------------------------------------------


def write(
    poet: Poet,
    titles: Titles,
    options: Options,
    num: int = 1,
    drawn: int = 0,
    world: World | None = None,
    output: Output | None = None,
    as_json: bool = False,
) -> Batch:
    """Write all poems of a batch to a file, or to stdout, each as soon as it is finished and its turn has come.

    Shows progress and notes on stderr. Returns the batch, which knows what was left out. Raises Stopped on Ctrl-C and
    SIGTERM, with all finished poems in the file.
    """
    world = world or World()
    leads = world.rank == 0
    extents = world.first(output.prepare) if output else []
    stops, meetings = Stops(patient=world.size > 1), Meetings(world)
    terminal = output is None and is_terminal(sys.stdout)
    with ProgressBar() as progress, stops:

        def say(text: str) -> None:
            if leads:
                progress.say(text)

        def looking(there: int) -> None:
            if leads and there % 1000 == 0:
                progress.update("reading what is there", there, batch.total, f"{there:,} poems")

        own = output.part(world) if output else None
        after = next((extent.last for extent in extents if extent.path == own), (0, 0))
        batch = Batch(
            poet, titles, options, num, drawn=drawn, world=world, extents=extents, after=after, say=say, looking=looking
        )
        put = _to_stdout
        if output:
            output.open(world, extents)
            put = output.add
        written, began = 0, time.monotonic()
        try:
            for line, sample in batch.poems():
                text = _text(poet, sample, line, written, as_json, terminal)
                # The poem, and that it is there; a reader of stdout may keep us waiting for as long as it likes.
                with stops.held() if output else nullcontext():
                    put(text)
                    written += 1
                meetings.tell(written)
                if leads and not terminal:  # there the poems themselves show how far it is
                    _show(progress, batch, meetings.estimate(written), time.monotonic() - began)
            if output:
                output.close()
            if output and (world.size > 1 or output.parts()):
                meetings.finish(written, output.merge)
        except (KeyboardInterrupt, RankError) as error:
            again = ""
            if output and as_json and titles.name:
                again = f"the same command with --resume goes on with {output.path}"
            if isinstance(error, RankError) and not stops.number:
                raise RankError(f"a process of the run has ended or does not answer; {again}") from error
            if again:
                say(f"stopped after {written:,} poems{' of this process' if world.size > 1 else ''}; {again}")
            raise Stopped(stops.number or signal.SIGINT) from error
        finally:
            if output:
                output.close()
        batch.close()
    return batch


def _text(poet: Poet, sample: Sample, line: int, written: int, as_json: bool, terminal: bool) -> str:
    if as_json:
        place = {"line": line} if line else {}
        return json.dumps(place | sample.record(poet.checkpoint.id), ensure_ascii=False) + "\n"
    above = heading(sample.request.title, sample.request.author, sample.form, terminal)
    return "\n" * (written > 0) + above + "".join(verse(sample.text, terminal, sample.breaks))


def _show(progress: ProgressBar, batch: Batch, written: int, seconds: float) -> None:
    done, total = batch.there + written, batch.total
    of = f" of {total:,}" if total else ""
    rate = written / max(seconds, 1e-9)
    pace = f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute"
    progress.update("writing", done, total, f"{done:,}{of} poems, {pace}")


def _to_stdout(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
