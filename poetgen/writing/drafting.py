"""From a job to its drafts, each a slot with its header, its machine, and its random numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from poetgen.config import SampleConfig
from poetgen.data.held import Marks, encode_held
from poetgen.data.profile import CorpusProfile
from poetgen.data.sequence import GAP, HELD, Column, Header, Layout
from poetgen.data.vocab import PAD, Vocab
from poetgen.prosody.template import Template
from poetgen.writing.constraint import Constraint, Free, constrain
from poetgen.writing.masks import Masks
from poetgen.writing.pattern import laid_out
from poetgen.writing.placing import with_words
from poetgen.writing.planning import Plan, plan
from poetgen.writing.population import POPULATION, Population
from poetgen.writing.request import Request
from poetgen.writing.sample import Job, Sample, random_stream
from poetgen.writing.slots import Slot


class Drafting:
    """Makes drafts for one vocabulary; `tunes`, `rules` and `profile` are those of the sampler."""

    def __init__(
        self, vocab: Vocab, masks: Masks, tunes: Mapping[str, Template], rules: bool, profile: CorpusProfile | None
    ) -> None:
        self.vocab, self.masks, self.tunes, self.rules, self.profile = vocab, masks, tunes, rules, profile
        self.layout = Layout(vocab)
        # Plans that differ in their header alone have the same rules.
        self._constrained = lru_cache(256)(partial(constrain, masks=masks))

    def check(self, request: Request, config: SampleConfig) -> str:
        """What there is to say about a request before it is carried out; raises UsageError where it cannot be."""
        planned = plan(request, config.length, self.tunes, self.profile)
        _, _, note = self._rules(planned, random_stream(request, config, 0, 0, "places"))
        return planned.note or note

    def _rules(self, planned: Plan, places: np.random.Generator) -> tuple[Constraint, tuple[int, ...], str]:
        """The machine of a plan at its start, its words at drawn places; the field of what is held; and what to say."""
        if not self.rules:
            return Free(self.masks, planned.length, may_end=False), (), ""
        with_places = with_words(replace(planned, header=Header()), places)
        constraint, note = self._constrained(with_places)
        return constraint.copy(), self._held(with_places), note

    def slots(self, jobs: Iterable[Job]) -> Iterator[Slot]:
        numbers: Counter[tuple[Request, SampleConfig]] = Counter()
        for index, (request, config, number, asked) in enumerate(Job(*job) for job in jobs):
            if number is None:
                number = numbers[request, config]
                numbers[request, config] += 1
            planned = plan(request, config.length, self.tunes, self.profile)
            breaks = planned.template.breaks if planned.template else ()
            sample = Sample(request, config, number, planned.form, "", 0.0, breaks=breaks, asked=asked)
            population: Population | None = None
            for draft in range(config.candidates):
                stream, places = (random_stream(request, config, number, draft, why) for why in ("", "places"))
                if not draft or planned.words:  # else the same for all drafts
                    constraint, held, _ = self._rules(planned, places)
                    headers = self._headers(replace(planned.header, held=held), constraint)
                if draft % POPULATION == 0 and self.steers(planned) and config.candidates > 1:
                    size = min(POPULATION, config.candidates - draft)
                    population = Population(size, random_stream(request, config, number, draft, "population"))
                hole = len(headers[0]) - 2 if constraint.signs else 0
                header, bare = map(list, headers)
                machine = constraint.copy()
                yield Slot(index, draft, sample, header, bare, stream, machine, hole, population=population)

    def steers(self, planned: Plan) -> bool:
        """Whether the drafts of a plan go through its lines together: where something is given."""
        return self.rules and self.vocab.chinese and bool(planned.held or planned.words)

    def _headers(self, header: Header, constraint: Constraint) -> tuple[list[int], list[int]]:
        """A header, and the same without what the poem is about; with a hole for the rhyme if it is to be chosen."""
        both = self.layout.encode(header), self.layout.encode(replace(header, title="", keywords=()))
        if constraint.signs:
            for ids in both:
                ids[-1:] = self.layout.rhyme, PAD, self.layout.body
        return both

    def _held(self, planned: Plan) -> tuple[int, ...]:
        """The field of the header that says what is given; empty where the model was not taught it."""
        if planned.template is None or not planned.held or HELD not in self.vocab or GAP not in self.vocab:
            return ()
        body, held = laid_out(planned.template, planned.held)
        ids = Column.of([self.vocab.encode(body)])
        return tuple(encode_held(ids, np.array(held), Marks.of(self.vocab)).tokens.tolist())
