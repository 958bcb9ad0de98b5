"""A file of poems: what a run that was broken off has left in it, what is added, and that one run alone writes it.

A run holds a lock on its output from before it looks at what is there until its end. Of several ranks the first holds
it for all; each adds to a part of its own (poems.jsonl.0-of-2), and at the end the parts are merged into the output.
"""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from poetgen.errors import SaveError, SourceError, UsageError
from poetgen.files import atomic, open_alone, parse_json
from poetgen.network.distributed import World

#: Where a poem belongs: the line that asks for it, and its number among equal requests.
Place = tuple[int, int]


# What is there ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PoemRecord:
    """A record of an output: its place, what it says, and where it stands ("poems.jsonl:17")."""

    place: Place
    seed: int
    fields: dict[str, Any]
    origin: str
    raw: bytes


#: How every record begins.
_BEGINNING: Final = b'{"line": '


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
            tail = file.read(len(_BEGINNING))
        if tail != _BEGINNING[: len(tail)]:
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

    def records(self) -> Iterator[PoemRecord]:
        """The records, in the order of their places. Raises SourceError for a line that is none."""
        with self.path.open("rb") as file:
            number = 0
            while file.tell() < self.size:
                number += 1
                yield self._record(file.readline(), f"{self.path}:{number}")

    @staticmethod
    def _record(raw: bytes, origin: str) -> PoemRecord:
        try:
            fields = parse_json(raw)
            place, seed = (int(fields["line"]), int(fields["number"])), int(fields["seed"])
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise _no_record(origin) from error
        return PoemRecord(place, seed, fields, origin, raw)


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
        line_feed = file.read(end - start).rfind(b"\n")
        if line_feed >= 0:
            return start + line_feed + 1
        end = start
    return 0


def merged(extents: Sequence[Extent]) -> Iterator[PoemRecord]:
    """The records of some files in the order of their places, each place once."""
    last: Place | None = None
    for record in heapq.merge(*(extent.records() for extent in extents), key=lambda record: record.place):
        if record.place != last:
            yield record
        last = record.place


# What is added ---------------------------------------------------------------------------------------------------


class Output:
    """A file of poems: what it holds already, and what is added to it.

    Each poem is on its way to the disk as soon as it is added, whole or, where there is no room, not at all.
    `resumable` says whether a run that is broken off can be gone on with.
    """

    def __init__(self, path: Path, resume: bool = False, overwrite: bool = False, resumable: bool = True) -> None:
        self.path, self.resume, self.overwrite, self.resumable = path, resume, overwrite, resumable
        self._held: IO[bytes] | None = None  # the output itself, locked, on the rank that prepares it
        self._file: IO[bytes] | None = None  # what this rank adds to
        self._size = 0
        self._outdated = False  # whether what is there goes with the first poem that is added

    def parts(self) -> list[Path]:
        """The parts that ranks have left, in the order of their names."""
        name = re.compile(re.escape(self.path.name) + r"\.\d+-of-\d+")
        folder = self.path.parent
        return sorted(path for path in folder.iterdir() if name.fullmatch(path.name)) if folder.is_dir() else []

    def part(self, world: World) -> Path:
        """The file that a rank adds to."""
        return self.path if world.size == 1 else self.path.with_name(f"{self.path.name}.{world.rank}-of-{world.size}")

    def check(self) -> None:
        """Raise UsageError where there are poems already and nothing is said of them. Changes nothing."""
        parts = self.parts()
        if self.resume or self.overwrite or not (parts or (self.path.is_file() and self.path.stat().st_size)):
            return
        raise UsageError(
            f"--output {self.path}: there are poems in {parts[0] if parts else 'it'} already; "
            f"{'--resume goes on with them, ' if self.resumable else ''}--overwrite throws them away, or give another "
            "name"
        )

    def prepare(self) -> list[Extent]:
        """Take the output for this run, and return what is there to go on from. For one rank to do, before any opens.

        With --overwrite what is there is thrown away, once no other run writes it and there is a first poem to take its
        place. Raises SaveError where another does, and UsageError as `check`.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._held = self._take(self.path)
            for part in self.parts():  # a rank may live on for a while whose run has ended
                self._take(part).close()
            self.check()  # again: a run may have ended in between
            if self.overwrite:
                self._remove_parts()
            return [Extent.of(path) for path in (self.path, *self.parts()) if path.is_file()] if self.resume else []
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise self._failed(error) from error
            raise

    def open(self, world: World, extents: Sequence[Extent]) -> None:
        """Make ready to add, behind the whole records that are there."""
        path = self.part(world)
        self._size = next((extent.size for extent in extents if extent.path == path), 0)
        try:
            self._file = self._held if self._held and world.size == 1 else self._take(path)
            if self._file.seekable() and path.is_file():
                # Until there is a poem to take their place, a kill must not cost the poems that are there.
                self._outdated = self.overwrite and world.size == 1
                if not self._outdated:
                    self._file.truncate(self._size)
            if self.overwrite and world.size > 1 and self._held and self.path.is_file():
                self._held.truncate(0)  # or it would be merged with the new ones
        except OSError as error:
            self.close()
            raise self._failed(error) from error

    def add(self, text: str) -> None:
        """Add a poem; raises SaveError, and leaves no part of it, where that cannot be."""
        assert self._file is not None
        data = text.encode("utf-8", "backslashreplace")
        left = memoryview(data)
        try:
            if self._outdated:
                self._file.truncate(0)
                self._outdated = False
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._size)
            raise self._failed(error) from error
        self._size += len(data)

    def close(self) -> None:
        """Close the file, for other runs to take; what was added stays."""
        if self._held is not None and self._held is not self._file:
            with suppress(OSError):  # made for its lock alone, it would pass for the poems
                if self.path.is_file() and not self.path.stat().st_size:
                    self.path.unlink()
        self._release()

    def _release(self) -> None:
        for file in (self._file, self._held):
            if file is not None:
                file.close()
        self._file = self._held = None

    def merge(self, tick: Callable[[], object]) -> None:
        """Put what lies in parts into the output, all at once, and remove them; calls `tick` now and then."""
        try:
            extents = [Extent.of(path) for path in (self.path, *self.parts()) if path.is_file()]
            with atomic(self.path) as file:
                for record in merged(extents):
                    file.write(record.raw)
                    tick()
                # The new file is locked, and stays so by this handle when it takes the place of the old one.
                successor = os.fdopen(os.dup(file.fileno()), "ab", buffering=0)
            self._release()
            self._held = self._file = successor
            self._remove_parts()
        except OSError as error:
            raise self._failed(error) from error

    def _take(self, path: Path) -> IO[bytes]:
        """Open a file to add to, for this run alone; raises SaveError where another has it.

        Unbuffered: what has been added is the system's, and outlives this process.
        """
        try:
            return open_alone(path, buffering=0)
        except BlockingIOError:
            message = f"--output {path}: another run is writing it; wait for its end, or stop it"
            raise SaveError(message) from None

    def _remove_parts(self) -> None:
        for path in self.parts():
            path.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> SaveError:
        return SaveError(f"--output {self.path}: cannot be written ({error.strerror or error}); give another place")
