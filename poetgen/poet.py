"""The Python interface: load a checkpoint, write poems from titles, score a text. The commands call the same code.

import poetgen

poet = poetgen.load("checkpoints/poet")
print(poet.write("春夜喜雨", seed=1).text)
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Unpack

from poetgen.config import CANDIDATES, SampleConfig
from poetgen.corpus import Cleaner, Record, Script, dynasty
from poetgen.corpus.dynasties import DYNASTIES
from poetgen.data.dataset import split_of
from poetgen.data.vocab import Vocab
from poetgen.errors import SourceError, UsageError
from poetgen.judging.likelihood import tally_poems
from poetgen.network import checkpoint
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.device import pick_device
from poetgen.prosody.forms import form_of
from poetgen.writing.request import Options, Plan, Request, plan
from poetgen.writing.sampler import Job, Sample, Sampler, fit, in_script


def load(path: str | Path | None = None, device: str = "cpu") -> Poet:
    """The poet in a checkpoint folder: the one given, else the newest in checkpoints/, else the one in the box.

    Raises CheckpointError, or UsageError where there is no such device.
    """
    target = pick_device(device)
    return Poet(Checkpoint.load(checkpoint.find(Path(path) if path is not None else None), target))


def fresh_seed() -> int:
    """A seed for those who give none; short enough to be typed again."""
    return random.SystemRandom().randrange(1, 1_000_000)


class Poet:
    """A trained model that writes and scores poems. Not safe for use by several threads at once."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.vocab = checkpoint.vocab
        self._sampler = Sampler(checkpoint.model, checkpoint.vocab, checkpoint.forms, checkpoint.lines)

    # Writing -----------------------------------------------------------------------------------------------------

    def write(self, title: str = "", **options: Unpack[Options]) -> Sample:
        """One poem. The same seed, title and options give the same poem; without a seed each call gives another.

        Warns where the title had to be changed to suit the model. Raises UsageError for options out of range.
        """
        return next(self.sample([title], **options))

    def sample(self, titles: Iterable[str], num: int = 1, **options: Unpack[Options]) -> Iterator[Sample]:
        """`num` poems for each title, in order, written many at a time; see `write`."""
        if options.get("seed") is None:
            options["seed"] = fresh_seed()
        return self.samples(self._jobs(titles, num, options))

    def _jobs(self, titles: Iterable[str], num: int, options: Options) -> Iterator[Job]:
        for title in titles:
            job, notes = self.job(title, **options)
            for note in notes:
                warnings.warn(note, stacklevel=2)
            yield from [job] * num

    def job(self, title: str = "", **options: Unpack[Options]) -> tuple[Job, list[str]]:
        """What `title` and `options` ask for, brought to the model's vocabulary, and what there is to say about that.

        Raises UsageError that names the option which is wrong.
        """
        if unknown := options.keys() - Options.__annotations__.keys():
            known = ", ".join(Options.__annotations__)
            raise UsageError(f"{', '.join(sorted(unknown))}: no such option; choose of {known}")
        names = {field.name for field in fields(SampleConfig)}
        chosen = {name: value for name, value in options.items() if name in names}
        if chosen.get("seed") is None:
            chosen["seed"] = fresh_seed()
        chosen.setdefault("candidates", CANDIDATES)
        config = SampleConfig(**chosen)  # type: ignore[arg-type]
        notes: list[str] = []

        def fitted(text: str, flag: str) -> str:
            found, said = fit(text, self.vocab, flag)
            notes.extend(said)
            return found

        known = fitted(title, "title")
        if title and not known and not notes:
            notes.append("title: nothing is left of it; the poem has none")
        request = Request(
            title=known,
            form=options.get("form") or "auto",
            dynasty=_dynasty(options.get("dynasty", "")),
            author=fitted(options.get("author", ""), "author"),
            keywords=tuple(filter(None, (fitted(word, "keywords") for word in options.get("keywords", ())))),
            rhyme=options.get("rhyme") or "auto",
            tones=options.get("tones") or "strict",
            acrostic=self._acrostic(options.get("acrostic") or ""),
            lines=options.get("lines", 0),
        )
        if note := self._sampler.check(request, config):  # says so now if the form cannot be had
            notes.append(note)
        return Job(request, config), notes

    def _acrostic(self, text: str) -> str:
        """The characters that lines begin with, in the model's script: a rule, of which nothing may be left out."""
        chars = "".join(text.split())
        if text and not chars:
            raise UsageError(f"--acrostic {text!r}: give the characters that the lines begin with, or leave it out")
        return in_script(chars, self.vocab)

    def plan(self, job: Job) -> Plan:
        """How a job will be carried out: its form, its length, its stanzas."""
        return plan(job.request, job.config.length, self.checkpoint.forms)

    def samples(self, jobs: Iterable[Job]) -> Iterator[Sample]:
        """A poem for each job, in the order of the jobs."""
        return self._sampler.samples(jobs)

    def characters(self, job: Job) -> Iterator[str]:
        """The characters of one poem, each as it is written."""
        return (char for _, text, _ in self._sampler.steps([job]) for char in text)

    # Scoring -----------------------------------------------------------------------------------------------------

    def score(self, text: str, title: str = "", tune: str = "") -> dict[str, float | int]:
        """The figures of one poem under this model: ppl_char, ppl_all, bpc, and what they were counted over.

        Raises SourceError where the text holds no verse.
        """
        cleaner = Cleaner(script_of(self.vocab), min_chars=1, max_chars=10**9)
        record = Record("the text", tuple(text.splitlines()), title=title, tune=tune)
        poem = cleaner.clean(record)
        if poem is None:
            raise SourceError("the text holds no verse that can be scored")
        whole = replace(poem, form=form_of(poem.body, poem.tune))
        return tally_poems(self.checkpoint, split_of([whole], self.vocab)).figures()


def _dynasty(name: str) -> str:
    known = dynasty(name)
    if name and not known:
        raise UsageError(f"--dynasty {name}: not known; choose one of {', '.join(DYNASTIES)}")
    return known


def script_of(vocab: Vocab) -> Script:
    """The script in which a vocabulary was made; "keep" where it holds both, or no Chinese.

    >>> script_of(Vocab.build({"国": 1, "风": 1}))
    'simplified'
    """
    simplified, traditional = (any(char in vocab for char in chars) for chars in ("国时风万东来", "國時風萬東來"))
    if simplified == traditional:
        return "keep"
    return "simplified" if simplified else "traditional"
