"""The Python interface: load a checkpoint, write poems from titles, score a text. The commands call the same code.

import poetgen

poet = poetgen.load("checkpoints/poet")
print(poet.write("春夜喜雨", seed=1).text)
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import repeat
from numbers import Integral
from pathlib import Path
from types import NoneType
from typing import Unpack

from poetgen.config import MOST_POEMS
from poetgen.corpus import Cleaner, Record
from poetgen.data.dataset import split_of
from poetgen.errors import Message, Option, SourceError, UsageError
from poetgen.judging.likelihood import tally_poems
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.device import pick_device
from poetgen.network.registry import find
from poetgen.prosody.forms import form_of
from poetgen.writing.couplet import MOST_ANSWERS, Couplet, CoupletOptions
from poetgen.writing.couplet_writer import CoupletWriter
from poetgen.writing.planning import Plan
from poetgen.writing.request import Options, check_options
from poetgen.writing.sample import Job, Sample
from poetgen.writing.writer import Writer, fresh_seed


def load(path: str | Path | None = None, device: str = "cpu") -> Poet:
    """The poet in a checkpoint: the one given by folder or name ("box"), else the newest in checkpoints/, else the box.

    Raises CheckpointError, or UsageError where there is no such device.
    """
    with _naming_arguments():
        if not isinstance(path, (str, Path, NoneType)) or path == "" or (path and not _is_path(str(path))):
            raise UsageError(Option("path", path), ": give the path of a checkpoint folder")
        if not isinstance(device, str):
            raise UsageError(Option("device", device), ": give the name of a device, such as cpu")
        target = pick_device(device)
    return Poet(Checkpoint.load(find(path), target))


class Poet:
    """A trained model that writes and scores poems. Not safe for use by several threads at once."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.vocab = checkpoint.vocab
        self.writer = Writer(checkpoint)

    # Writing -----------------------------------------------------------------------------------------------------

    def write(self, title: str = "", **options: Unpack[Options]) -> Sample:
        """One poem. The same seed, title and options give the same poem; without a seed each call gives another.

        `options` are form, dynasty, author, keywords, about, length, top_k, top_p, temperature, seed, candidates,
        rhyme, rhyme_like, tones, feet, begin, pattern, acrostic, place, lines and book, those of `poetgen sample`:
        poetgen.writing.request.Options says what each is.
        Warns where the title had to be changed to suit the model. Raises UsageError that names the option which is
        wrong.
        """
        return next(self.sample([title], **options))

    def sample(self, titles: Iterable[str], num: int = 1, **options: Unpack[Options]) -> Iterator[Sample]:
        """`num` poems for each title, in order, written many at a time; see `write`.

        Titles are taken as they are needed, and warned of then.
        """
        with _naming_arguments():
            if isinstance(titles, (str, bytes)) or not isinstance(titles, Iterable):
                raise UsageError(Option("titles", titles), ": give a list of titles")
            if not isinstance(num, Integral) or isinstance(num, bool) or num < 0:
                raise UsageError(Option("num", num), ": give a whole number of at least 0")
            if num > MOST_POEMS:
                raise UsageError(Option("num", num), f": give a number of at most {MOST_POEMS:,}")
            checked = check_options(options)
            checked.setdefault("seed", fresh_seed())
        return self.samples(self._jobs(titles, num, checked))

    def _jobs(self, titles: Iterable[str], num: int, options: Options) -> Iterator[Job]:
        for title in titles:
            job, notes = self.job(title, **options)
            for note in notes:
                text = note.arguments if isinstance(note, Message) else note
                warnings.warn(text, stacklevel=_callers_level())
            yield from repeat(job, int(num))

    def job(self, title: str = "", **options: Unpack[Options]) -> tuple[Job, list[str]]:
        """What `title` and `options` ask for, brought to the model's vocabulary, and what there is to say about that.

        Raises UsageError that names the option which is wrong.
        """
        with _naming_arguments():
            return self.writer.job(title, **options)

    def plan(self, job: Job) -> Plan:
        """How a job will be carried out: its form, its length, its stanzas."""
        with _naming_arguments():
            return self.writer.plan(job)

    def samples(self, jobs: Iterable[Job]) -> Iterator[Sample]:
        """A poem for each job, in the order of the jobs."""
        with _naming_arguments():
            yield from self.writer.samples(jobs)

    def characters(self, job: Job) -> Iterator[str]:
        """The characters of one poem, each as it is written."""
        with _naming_arguments():
            yield from self.writer.characters(job)

    # Couplets ----------------------------------------------------------------------------------------------------

    def couplet(self, line: str, **options: Unpack[CoupletOptions]) -> Couplet:
        """The couplet (对联) that begins with `line`, or with reverse=True ends with it.

        `options` are reverse, banner, tones, candidates, temperature and seed, those of `poetgen couplet`:
        poetgen.writing.couplet.CoupletOptions says what each is. Raises UsageError that says what would do.
        """
        return self.couplets(line, **options)[0]

    def couplets(self, line: str, num: int = 1, **options: Unpack[CoupletOptions]) -> list[Couplet]:
        """The `num` best couplets with a line, the best first; fewer where the drafts hold no more. See `couplet`."""
        with _naming_arguments():
            if not isinstance(num, Integral) or isinstance(num, bool) or not 1 <= num <= MOST_ANSWERS:
                raise UsageError(Option("num", num), f": give a whole number from 1 to {MOST_ANSWERS:,}")
            return self._couplets.answers(self._couplets.request(line, **options), int(num))

    @cached_property
    def _couplets(self) -> CoupletWriter:
        return CoupletWriter(self.checkpoint)

    # Scoring -----------------------------------------------------------------------------------------------------

    def score(self, text: str, title: str = "", tune: str = "") -> dict[str, float | int]:
        """The figures of one poem under this model: ppl_char, ppl_all, bpc, and what they were counted over.

        Raises SourceError where the text holds no verse, UsageError for what is no text.
        """
        with _naming_arguments():
            for name, value in {"text": text, "title": title, "tune": tune}.items():
                if not isinstance(value, str):
                    raise UsageError(Option(name, value), ": give text")
        cleaner = Cleaner(self.vocab.script, min_chars=1, max_chars=10**9)
        record = Record("the text", tuple(text.splitlines()), title=title, tune=tune)
        poem = cleaner.clean(record)
        if poem is None:
            raise SourceError("the text holds no verse that can be scored")
        whole = replace(poem, form=form_of(poem.body, poem.tune))
        return tally_poems(self.checkpoint, split_of([whole], self.vocab)).figures()


def _is_path(text: str) -> bool:
    """Whether a system can have a file of this name."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


@contextmanager
def _naming_arguments() -> Iterator[None]:
    """Errors from inside name arguments, as Python knows them, and not flags."""
    try:
        yield
    except UsageError as error:
        error.speak_python()
        raise


def _callers_level() -> int:
    """The stacklevel, for a warning of the function that asks, of the first line that is not of this package.

    Titles are read deep inside of generators, some of them wrapped by torch.
    """
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("poetgen", "torch"):
        level, frame = level + 1, frame.f_back
    return level
