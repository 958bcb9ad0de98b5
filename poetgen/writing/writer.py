"""From a title and options to poems, with a checkpoint: what the commands and the Python interface have in common."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, Unpack

from poetgen.config import CANDIDATES, SampleConfig
from poetgen.corpus import dynasty
from poetgen.corpus.dynasties import DYNASTIES, near_dynasties
from poetgen.errors import Option, UsageError
from poetgen.humanize import way_out
from poetgen.network.checkpoint import Checkpoint
from poetgen.prosody.forms import FORMS
from poetgen.prosody.template import LONG, Template
from poetgen.prosody.tune_names import asked_form
from poetgen.text import clauses
from poetgen.writing.fitting import fit, in_script
from poetgen.writing.planning import Plan, plan
from poetgen.writing.reader import DraftReader
from poetgen.writing.request import FORM_NAMES, OLD, Options, Request, check_options
from poetgen.writing.rhyme_choice import rhyme_like
from poetgen.writing.sample import Job, Sample
from poetgen.writing.sampler import Sampler

_OF_CONFIG = {field.name for field in fields(SampleConfig)}


def fresh_seed() -> int:
    """A seed for those who give none; short enough to be typed again."""
    return random.SystemRandom().randrange(1, 1_000_000)


class Writer:
    """Writes what is asked for with a checkpoint. Not safe for use by several threads at once."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.vocab = checkpoint.vocab
        self.profile, reader = checkpoint.profile, DraftReader.load(checkpoint)
        self._sampler = Sampler(
            checkpoint.model, checkpoint.vocab, checkpoint.forms, checkpoint.lines, profile=self.profile, reader=reader
        )

    def job(self, title: str = "", **options: Unpack[Options]) -> tuple[Job, list[str]]:
        """What `title` and `options` ask for, brought to the model's vocabulary, and what there is to say about that.

        Raises UsageError that names the option which is wrong.
        """
        if not isinstance(title, str):
            raise UsageError(Option("title", title), ": give text")
        given = check_options(options)
        chosen: dict[str, Any] = {"candidates": CANDIDATES} | {n: v for n, v in given.items() if n in _OF_CONFIG}
        if self.profile is not None and not self.profile.regulated:
            chosen.setdefault("length", self.profile.usual_length)
        config = SampleConfig(**{"seed": fresh_seed()} | chosen)
        notes: list[str] = []

        def fitted(text: str, field: str) -> str:
            fitting, said = fit(text, self.vocab, field)
            notes.extend(said)
            return fitting

        if self.profile is None or self.profile.has_titles:
            known_title = fitted(title, "title")
        else:
            known_title = ""
            notes += ["title: the texts that the model has learned from have none; it is left out"] if title else []
        if title and not known_title and not notes:
            notes.append("title: nothing is left of it; the poem has none")

        book = given.get("book") or "auto"
        request = Request(
            title=known_title,
            form=self._form(given.get("form") or "auto"),
            dynasty=_known_dynasty(given.get("dynasty") or ""),
            author=fitted(given.get("author") or "", "author"),
            keywords=self._keywords(given.get("keywords") or ()),
            about=tuple(filter(None, (fitted(word, "about") for word in given.get("about") or ()))),
            rhyme=_rhyme(given, book),
            tones=given.get("tones") or "strict",
            feet=self._characters("feet", given.get("feet") or ""),
            begin=in_script(given.get("begin") or "", self.vocab),
            pattern=in_script(given.get("pattern") or "", self.vocab),
            acrostic=self._characters("acrostic", given.get("acrostic") or ""),
            place=str(given.get("place") or "1"),
            lines=given.get("lines") or 0,
            book=book,
        )
        if note := self._sampler.check(request, config):  # says so now if the form cannot be had
            notes.append(note)
        notes.extend(self._unlearned(request, config))
        # Bytes that are no UTF-8 reach Python as lone surrogates, which nothing can encode.
        asked = title.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return Job(request, config, asked=asked), notes

    def _unlearned(self, request: Request, config: SampleConfig) -> list[str]:
        """What there is to say of a form that no poem of the corpus had."""
        profile = self.profile
        if profile is None or not profile.regulated or all(profile.forms.get(form) for form in FORMS):
            return []
        form = plan(request, config.length, self.checkpoint.forms, profile).header.form
        if not form or profile.forms.get(form):
            return []
        return [f"form: the model has learned from no {form}; it keeps the rules, but has had no examples"]

    def _form(self, text: str) -> str:
        """A form by its short name; that of a tune in the model's script, as its header has it."""
        form = asked_form(text)
        name = form.partition(":")[0]
        return form if name in FORM_NAMES else in_script(name, self.vocab) + form[len(name) :]

    def _characters(self, name: str, text: str) -> str:
        """The characters of an option in the model's script: a rule, of which nothing may be left out."""
        chars = "".join(text.split())
        if text and not chars:
            what = "that the lines begin with" if name == "acrostic" else "on which the lines are to rhyme"
            raise UsageError(Option(name, text), f": give the characters {what}, or leave it out")
        return in_script(chars, self.vocab)

    def _keywords(self, words: Sequence[str]) -> tuple[str, ...]:
        """Words that have to stand in the poem, in the model's script."""
        return tuple(filter(None, (in_script("".join(word.split()), self.vocab) for word in words)))

    def remembers(self, title: str, job: Job) -> bool:
        """Whether a title asks for the same poem as the title of a job, once it is brought to the vocabulary."""
        try:
            return bool(title) and fit(title, self.vocab)[0] == job.request.title
        except UsageError:
            return False

    def plan(self, job: Job) -> Plan:
        """How a job will be carried out: its form, its length, its stanzas."""
        return plan(job.request, job.config.length, self.checkpoint.forms, self.profile)

    def template(self, form: str, lines: int) -> Template | None:
        """The rules of a form whose poems have so many lines; None where it has none."""
        request = Request(form=form, lines=lines if form in (*LONG, *OLD) else 0)
        return plan(request, SampleConfig.length, self.checkpoint.forms, self.profile).template

    def shortfall(self, job: Job, text: str) -> str:
        """What there is to say of a poem that the model ended before it had the length asked for; empty for others."""
        count, asked = len(text.replace("\n", "")), job.config.length
        usual = self.profile.usual_length if self.profile else 0
        another = max(map(len, clauses(text)), default=0) + 1  # a line that would have been cut
        if asked - count < another or asked == usual or self.plan(job).template is not None:
            return ""
        lines = clauses(text)
        if not self.vocab.has_lines and lines and count + len(lines[-1]) + 1 > asked:  # it has the lines that fit
            return ""
        return f"the model ended the poem after {count:,} of {asked:,} characters"

    def samples(self, jobs: Iterable[Job]) -> Iterator[Sample]:
        """A poem for each job, in the order of the jobs, written many at a time."""
        for sample in self._sampler.samples(jobs):
            yield replace(sample, checkpoint=self.checkpoint.id)

    @property
    def written(self) -> float:
        """How many poems have been written of those that `samples` was last asked for, with parts of poems."""
        return self._sampler.written.poems

    def characters(self, job: Job) -> Iterator[str]:
        """The characters of one poem, each as it is written."""
        return (char for _, text, _ in self._sampler.steps([job]) for char in text)


def _rhyme(given: Options, book: str) -> str:
    """The rhyme that is asked for, by itself or by a poem that has it."""
    poem, rhyme = given.get("rhyme_like") or "", given.get("rhyme") or "auto"
    if poem and rhyme != "auto":
        raise UsageError(Option("rhyme", rhyme), ", ", Option("rhyme_like"), ": give one of them")
    return rhyme_like(poem, book) if poem else rhyme


def _known_dynasty(name: str) -> str:
    known = dynasty(name)
    if name and not known:
        choose = f"choose one of {', '.join(DYNASTIES)}"
        raise UsageError(Option("dynasty", name), f": not known; {way_out(near_dynasties(name), choose)}")
    return known
