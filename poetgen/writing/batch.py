"""Many poems at once: numbered, split among processes, in the order of their titles, and gone on with.

    titles.txt ──lines──▶ poems asked for ──not there yet, and this rank's──▶ jobs ──▶ poems ──▶ poems.jsonl
                              ▲
    poems.jsonl ──records─────┘  what a run that was broken off has left, checked poem by poem

A poem's place is its line of the input and its number among equal requests, which each record tells. They grow along
the file, so that going on means to walk along the input and the records side by side: what is there is passed over,
what is missing is written. Every rank walks along the whole input and takes every size-th poem, into a part of its own
(output.py); at the end rank 0 merges the parts. Since places are all that counts, a run may go on with another number
of processes.

Memory does not grow with the input but for some 70 bytes for each request that is different, to number equal ones.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from poetgen.errors import SourceError, UsageError
from poetgen.files import to_json
from poetgen.humanize import how_many
from poetgen.network.distributed import World
from poetgen.writing.output import Extent, Place, PoemRecord, merged
from poetgen.writing.sample import Job, Sample
from poetgen.writing.titles import BrokenLine, TitleLine, Titles

if TYPE_CHECKING:
    from poetgen.writing.request import Options
    from poetgen.writing.writer import Writer

#: Notes about titles, and broken lines, that are shown one by one; of more, the number.
NOTES_SHOWN: Final = 10


def request_key(job: Job) -> int:
    """A hash of what a job asks for, whatever its number, in 8 bytes.

    Two different requests of a million share one once in thirty million times; their poems are then numbered as if
    they were equal, the same in every run.
    """
    # 1 and 1.0 ask for the same.
    config = replace(job.config, top_p=float(job.config.top_p), temperature=float(job.config.temperature))
    asked = repr((job.request, config)).encode("utf-8", "replace")
    return int.from_bytes(blake2b(asked, digest_size=8).digest())


class TitleBatch:
    """The poems that `titles` ask for, `num` for each line, with `options` where a line has none of its own.

    Of these, `jobs` and `poems` give those that are neither in `extents`, what an earlier run has left, nor another
    rank's. Where `options` have no seed it is that of the earlier run, or else `drawn`. `after` is the last place in
    the file that they will be added to. What there is to say goes to `say`, and how many poems were there, as they are
    found, to `looking`.
    """

    def __init__(
        self,
        writer: Writer,
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
        self.writer, self.titles, self.options, self.num = writer, titles, options, num
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
        self._counts: Counter[int] = Counter()  # of the poems asked for, by what is asked
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
        for sample in self.writer.samples(self.jobs()):
            line = self._lines.popleft()
            if short := self.writer.shortfall(Job(sample.request, sample.config), sample.text):
                self._note(line, [short], ())
            yield line, sample

    def jobs(self) -> Iterator[Job]:
        """What is to be written. Raises UsageError or SourceError where the records are not of these titles."""
        fresh = True
        for line in self.titles.lines:
            self._last = line.number
            if isinstance(line, BrokenLine):
                self._leave_out(line.number, line.reason)
                continue
            try:
                options: Options = {**self.options, "seed": self.seed, **line.options}
                unsettled = options["seed"] is None
                if unsettled:
                    options["seed"] = self._drawn
                job, notes = self.writer.job(line.title, **options)
            except UsageError as error:
                if not self.titles.name:
                    raise
                self._leave_out(line.number, str(error))
                continue
            if unsettled:  # only now: a line that is left out has no poem to tell the seed of the run
                job = job._replace(config=replace(job.config, seed=self._settle_seed(line.number)))
            if line.asked and self.writer.remembers(line.asked, job):
                job = job._replace(asked=line.asked)
            self._good += 1
            if not self._begun(line.number):
                self._note(line.number, notes, line.ignored)
            for number in self._numbers(line, job):
                numbered, place = job._replace(number=number), (line.number, number)
                self.asked += 1
                if self._is_there(place, numbered):
                    self.there += 1
                    self._looking(self.there)
                elif (self.asked - 1) % self.world.size == self.world.rank:
                    if place < self._after and self._record:
                        raise self._foreign(self._record, f"{self.titles.place(line.number)} asks for more")
                    if fresh and self.there:
                        self._say(f"going on after {how_many(self.there, 'poem')}")
                    fresh = False
                    self._lines.append(line.number)
                    yield numbered
        if self._record is not None:
            raise self._foreign(self._record, f"nothing asks for it in {self.titles.name}")

    def _numbers(self, line: TitleLine, job: Job) -> range:
        """The numbers of a line's poems among their equals: from what the line says, or else from the next one on."""
        key = request_key(job)
        first = self._counts[key] if line.first is None else line.first
        self._counts[key] = max(self._counts[key], first + self.num)
        return range(first, first + self.num)

    def closing(self) -> str:
        """What there is to say about lines that were left out, in one line; empty where there are none."""
        if not self.left_out:
            return ""
        places = ", ".join(map(self.titles.place, self._bad)) + (", …" if self.left_out > len(self._bad) else "")
        were = "line was" if self.left_out == 1 else "lines were"
        return f"{self.left_out:,} of {self._good + self.left_out:,} {were} left out: {places}"

    def close(self) -> None:
        """Say how many notes were not shown."""
        if self._noted > NOTES_SHOWN:
            self._say(f"and {self._noted - NOTES_SHOWN:,} more notes like these")

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

    def _is_there(self, place: Place, job: Job) -> bool:
        """Whether the next record is that of a job; raises UsageError where it stands there for another one."""
        record = self._record
        if record is None or record.place > place:
            return False
        if record.place[0] < place[0]:
            raise self._foreign(record, f"nothing asks for it in {self.titles.name}")
        there = record.fields
        for name, value in _asked(job, self.writer.checkpoint.id).items():
            if name == "asked_title" and name not in there:  # of an earlier version
                continue
            if there.get(name) != value:
                if name == "options" and isinstance(there.get(name), dict):
                    there, value = there[name], dict(value)
                    name = next(key for key in there | value if there.get(key) != value.get(key))
                    value = value.get(name)
                why = f"its {name} is {_json_or_none(there.get(name))}, and {_json_or_none(value)} is asked for"
                raise self._foreign(record, f"{why} by {self.titles.place(place[0])}")
        self._record = next(self._records, None)
        return True

    def _foreign(self, record: PoemRecord, why: str) -> UsageError:
        return UsageError(
            f"--resume: {record.origin} is of another run: {why}; give the titles and options of that run, or another "
            "--output"
        )

    # What there is to say ----------------------------------------------------------------------------------------

    def _leave_out(self, line: int, reason: str) -> None:
        self.left_out += 1
        if self.left_out <= NOTES_SHOWN:
            self._bad.append(line)
            self._say(f"{self.titles.place(line)}: {reason}; left out")

    def _note(self, line: int, notes: Sequence[str], ignored: Sequence[str]) -> None:
        where = f"{self.titles.place(line)}: " if self.titles.name else ""
        for note in notes:
            self._noted += 1
            if self._noted <= NOTES_SHOWN:
                self._say(where + note)
        for name in ignored:
            if name not in self._passed_over and len(self._passed_over) < NOTES_SHOWN:
                self._passed_over.add(name)
                self._say(f"{where}passed over the field {name}, here and further on")


def _asked(job: Job, checkpoint: str) -> dict[str, Any]:
    """What the record of a job will say of the request, as JSON gives it back."""
    assert job.number is not None
    record = Sample(job.request, job.config, job.number, "", "", 1.0, asked=job.asked).record(checkpoint)
    options = {key: list(value) if isinstance(value, tuple) else value for key, value in record["options"].items()}
    return {name: record[name] for name in ("checkpoint", "title", "asked_title", "seed", "number")} | {
        "options": options
    }


def _json_or_none(value: object) -> str:
    return "none" if value is None else to_json(value)
