"""Everything that `poetgen evaluate` says of checkpoints and of poems: a figure a row, by the names in metrics.py.

    human poems ──┬─▶ what they cost each checkpoint, and an n-gram model            ppl_char, ppl_all, bpc
                  └─▶ titles ──▶ poems by each checkpoint ─┐
    poems of a file ───────────────────────────────────────┴▶ form, rhyme, …, novelty, relevance, critic

What is said of generated poems is said of the human poems of the same form, too: no figure means much alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from itertools import chain, cycle, islice
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poetgen.config import EvaluateConfig
from poetgen.corpus import Poem
from poetgen.corpus.duplicates import LEAST_SHARED
from poetgen.data.dataset import Dataset, split_of
from poetgen.data.line_index import LineIndex
from poetgen.errors import SourceError
from poetgen.judging import metrics
from poetgen.judging.critic import Verdict, auc, judge, ngram_judge
from poetgen.judging.likelihood import Costs, costs
from poetgen.judging.metrics import Estimate
from poetgen.judging.ngram import NGram
from poetgen.judging.overlap import known_lines, longest_runs
from poetgen.network.checkpoint import Checkpoint
from poetgen.text import clauses
from poetgen.writing.fitting import LONGEST_TITLE, fit
from poetgen.writing.request import Request
from poetgen.writing.sample import Job
from poetgen.writing.sampler import Sampler

#: Told how far a piece of work is: (what, done, of how many).
Progress = Callable[[str, float, float], None]

HUMAN: Final = "human"
NGRAM: Final = "5-gram"
#: What is added to the name of a scope for those of its poems that share no line with the training data.
UNSHARED: Final = ", no shared line"
#: Share of human poems with a known line from which on they may not be as new as is said.
_SUSPECT: Final = 0.1

#: Titles among which a poem's own is ranked, and of how many poems of a form and a column that is done.
AMONG: Final = 20
_RANKED: Final = 250


class Row(NamedTuple):
    """One figure in one column, of the poems of a scope: a form, or a source of poems, with or without UNSHARED."""

    figure: str
    scope: str
    column: str
    estimate: Estimate


@dataclass
class Report:
    """An evaluation under way; `tables` yields its figures as they are found.

    `checkpoints`, one or more, have the names of their columns; `human` poems, which are of `human_source`, are held
    out, and give the titles to write for; `poems` are to be judged, and have the column `source`. The training split of
    `dataset` is what the n-gram model learns and what novelty is measured against. `lines` are the most machine-like,
    by column and form, once the critic has been asked, and `notes` say what could not be measured.
    """

    checkpoints: Mapping[str, Checkpoint]
    config: EvaluateConfig
    human: Sequence[Poem] = ()
    poems: Sequence[Poem] = ()
    source: str = "poems"
    human_source: str = "people"
    dataset: Dataset | None = None
    progress: Progress = lambda what, done, total: None
    lines: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def tables(self) -> Iterator[list[Row]]:
        """Every figure that can be had of what is given, scope by scope: source by source, then form by form."""
        self._note_what_is_left_out()
        yield from self._perplexities()
        missing = []
        for form in self.config.forms:
            if rows := list(self._of_form(form)):
                yield rows
            else:
                missing.append(form)
        if missing:
            self._note(f"no poems in the forms {', '.join(missing)}")

    def rows(self) -> Iterator[Row]:
        """The same, one figure after the other."""
        return chain.from_iterable(self.tables())

    def sources(self) -> dict[str, str]:
        """What each column is, by its name."""
        found = {HUMAN: f"{_poems(self.human)} of {self.human_source}"} if self.human else {}
        if self.poems:
            found[self.source] = f"{_poems(self.poems)} to judge"
        for name, checkpoint in self.checkpoints.items():
            model = checkpoint.model.config
            found[name] = f"{model.cell} {model.layers} x {model.hidden}, {checkpoint.path} ({checkpoint.id})"
        if self.dataset is not None:
            found[NGRAM] = f"interpolated Kneser-Ney on {len(self.dataset.train):,} poems of {self.dataset.folder}"
        return found

    def record(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The whole report as JSON values: under each figure's name its scopes, in these its columns."""
        found: dict[str, Any] = {}
        for figure, scope, column, estimate in rows:
            numbers = {key: value if math.isfinite(value) else None for key, value in estimate._asdict().items()}
            found.setdefault(figure, {}).setdefault(scope, {})[column] = numbers
        return found | {
            "definitions": {name: metrics.DEFINITIONS[name] for name in found},
            "columns": self.sources(),
            "options": asdict(self.config),
            "machine-like": [
                {"column": column, "form": form, "lines": lines} for (column, form), lines in self.lines.items()
            ],
        }

    def _note_what_is_left_out(self) -> None:
        other = sum(poem.form not in self.config.forms for poem in self.poems)
        if other and not self.config.held_to:
            self._note(
                f"{self.source}: {other:,} of {_poems(self.poems)} do not have the lines of "
                f"{' or '.join(self.config.forms)}, and only their perplexity is measured; --as FORM holds all against "
                "one form"
            )
        if self.dataset is None and self._indexes:
            self._note(
                "without --data novelty goes by the checkpoint's index of lines, which has those of its validation "
                "split, too, and takes 1.3 % of new lines for known"
            )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _told(self, what: str) -> Callable[[float, float], None]:
        return partial(self.progress, what)

    # Perplexity --------------------------------------------------------------------------------------------------

    def _perplexities(self) -> Iterator[list[Row]]:
        """What the poems of each source cost: all, and those that share no line with the training data."""
        poems = [*self.poems, *self.human]
        if not poems:
            return
        found = dict(self._costs(poems))
        shared = self._shared(poems)
        is_human = np.arange(len(poems)) >= len(self.poems)
        for source, own in ((self.source, ~is_human), (HUMAN, is_human)):
            scopes = {source: own}
            if (own & shared).any() and (own & ~shared).any():
                scopes[source + UNSHARED] = own & ~shared
            for scope, chosen in scopes.items():
                if chosen.any():
                    yield [
                        Row(figure, scope, name, estimate)
                        for name, each in found.items()
                        for figure, estimate in each[chosen].figures(self.config.seed).items()
                    ]
        known = int((is_human & shared).sum())
        if known > _SUSPECT * is_human.sum():
            self._note(
                f"{known:,} of {_poems(self.human)} by people share a line with the training data: are they held out?"
            )

    def _shared(self, poems: Sequence[Poem]) -> NDArray[np.bool_]:
        """(N,) which poems share a line of verse with the training split; without a dataset nobody knows, and none do.

        An index of lines is not asked: it takes one poem of eight lines in ten for known that is not.
        """
        if self.dataset is None or not self.dataset.vocab.chinese:
            return np.zeros(len(poems), dtype=np.bool_)
        known = self._known([poem.body for poem in poems]) or frozenset()
        # Shorter lines are anybody's, and stand on both sides of a dataset's split.
        return np.array(
            [any(line in known and len(line) >= LEAST_SHARED for line in clauses(poem.body)) for poem in poems]
        )

    def _costs(self, poems: Sequence[Poem]) -> Iterator[tuple[str, Costs]]:
        """What poems cost each checkpoint, and the n-gram model."""
        for name, checkpoint in self.checkpoints.items():
            yield name, costs(checkpoint, split_of(poems, checkpoint.vocab), self._told(f"scoring by {name}"))
        if self.dataset is not None:
            model = NGram.train(self.dataset.train, progress=self._told(f"counting for the {NGRAM}"))
            split = split_of(poems, self.dataset.vocab)
            scored = model.poems(split, self._told(f"scoring by the {NGRAM}"))
            yield NGRAM, Costs.of(scored, len(poems), self.dataset.vocab)

    # Poems -------------------------------------------------------------------------------------------------------

    def _of_form(self, form: str) -> Iterator[Row]:
        """All that is said of the poems of a form."""
        columns = dict(self._columns(form))
        if not columns:
            return
        bodies = {name: [poem.body for poem in poems] for name, poems in columns.items()}
        every = list(dict.fromkeys(body for own in bodies.values() for body in own))
        known, runs = self._known(every), self._runs(every)
        for name, own in bodies.items():
            for figure, estimate in metrics.of_form(own, form, self.config.seed).items():
                # Of poems that were chosen by their form, it says nothing that all have it.
                if figure != "form" or name in self.checkpoints or self.config.held_to:
                    yield Row(figure, form, name, estimate)
            yield from self._novelty(form, name, own, known, runs)
        yield from self._variety(form, columns)
        yield from self._relevance(form, columns)
        if self.config.critic:
            yield from self._judged(form, columns)

    def _columns(self, form: str) -> Iterator[tuple[str, list[Poem]]]:
        """The poems of a form in each column: human ones, those of a file, those that checkpoints write."""
        random = np.random.default_rng(self.config.seed)
        human, own = (
            # As drawn and not as they stand: a file may have its poets one after the other.
            [chosen[place] for place in random.permutation(len(chosen))]
            for chosen in (
                [poem for poem in self.human if poem.form == form],
                [poem for poem in self.poems if poem.form == form or self.config.held_to],
            )
        )
        if num := self.config.num:
            human = human[:num]
        if human:
            yield HUMAN, human
        if own:
            yield self.source, own
        titles = list(dict.fromkeys(poem.title for poem in human if 0 < len(poem.title) <= LONGEST_TITLE))
        if num and human and not titles:
            self._note(f"{form}: nothing is written, for want of human poems with titles; give --human or --data")
        if 0 < 2 * len(titles) <= num:
            self._note(f"{form}: {num:,} poems for {len(titles):,} titles; the intervals take them for independent")
        if num and titles:
            for name, checkpoint in self.checkpoints.items():
                yield name, list(self._written(name, checkpoint, form, list(islice(cycle(titles), num))))

    def _written(self, name: str, checkpoint: Checkpoint, form: str, titles: Sequence[str]) -> Iterator[Poem]:
        rules = self.config.rules
        sampler = Sampler(checkpoint.model, checkpoint.vocab, checkpoint.forms, checkpoint.lines, rules=rules)
        config = self.config.sampling()
        if note := sampler.check(Request(form=form), config):
            self._note(f"{name}: {note}")
        jobs = (Job(Request(fit(title, checkpoint.vocab)[0], form), config) for title in titles)
        for number, sample in enumerate(sampler.samples(jobs)):
            self.progress(f"writing {form} by {name}", number + 1, len(titles))
            yield Poem(sample.text, title=titles[number], form=form)

    # Text --------------------------------------------------------------------------------------------------------

    @property
    def _indexes(self) -> list[LineIndex]:
        return [own.lines for own in self.checkpoints.values() if own.lines is not None]

    def _known(self, bodies: Sequence[str]) -> frozenset[str] | None:
        """The lines of poems that stand in the training data, None where nobody knows.

        Without the dataset they are looked up in the indexes of the checkpoints, which have those of its validation
        split too, and take 13 lines of 1,000 for known that are not.
        """
        lines = list(dict.fromkeys(line for body in bodies for line in clauses(body)))
        if self.dataset is not None:
            self.progress("looking for lines in the corpus", 0, 1)
            known = known_lines(lines, self.dataset.train.bodies())
        elif self._indexes:
            known = np.logical_or.reduce([index.known(lines) for index in self._indexes])
        else:
            return None
        return frozenset(line for line, found in zip(lines, known, strict=True) if found)

    def _runs(self, bodies: Sequence[str]) -> dict[str, int]:
        """The longest run that each poem has in common with the training data; none where nobody knows."""
        if self.dataset is None:
            return {}
        self.progress("looking for runs in the corpus", 0, 1)
        return dict(zip(bodies, longest_runs(bodies, self.dataset.train.bodies()).tolist(), strict=True))

    def _novelty(
        self, form: str, column: str, bodies: Sequence[str], known: frozenset[str] | None, runs: Mapping[str, int]
    ) -> Iterator[Row]:
        """How much of some poems is their own."""
        if known is not None:
            lines = [clauses(body) for body in bodies]
            new = [sum(line not in known for line in own) for own in lines]
            yield Row("novelty", form, column, metrics.share(new, list(map(len, lines)), self.config.seed))
        if runs:
            longest = [runs[body] for body in bodies]
            for figure, share in (("copied, median", 0.5), ("copied, 99 %", 0.99)):
                yield Row(figure, form, column, metrics.quantile(longest, share, self.config.seed))

    def _variety(self, form: str, columns: Mapping[str, Sequence[Poem]]) -> Iterator[Row]:
        """Distinct characters and words, over as many poems in each column: the more there are, the less is new."""
        count = min(map(len, columns.values()), default=0)
        for column, poems in columns.items():
            for size in (1, 2):
                estimate = metrics.variety([poem.body for poem in poems[:count]], size)
                yield Row(f"distinct-{size}", form, column, estimate)

    # Titles ------------------------------------------------------------------------------------------------------

    def _relevance(self, form: str, columns: Mapping[str, Sequence[Poem]]) -> Iterator[Row]:
        """Whether poems tell their titles: a checkpoint judges its own, and those of people; the first, a file's."""
        first = next(iter(self.checkpoints), "")
        for column, poems in columns.items():
            titled = [poem for poem in poems if poem.title][:_RANKED]
            titles = list(dict.fromkeys(poem.title for poem in titled))
            if len(titles) < AMONG:
                self._note(
                    f"relevance of {form}, {column}: not measured; it takes {AMONG} different titles, "
                    f"found {len(titles)}"
                )
                continue
            several = column == HUMAN and len(self.checkpoints) > 1
            for name in self.checkpoints if several else [column if column in self.checkpoints else first]:
                told = self._told(f"ranking titles of {form}, {column}, by {name}")
                ranks = reciprocal_ranks(self.checkpoints[name], titled, titles, self.config.seed, told)
                estimate = metrics.ratio(ranks, seed=self.config.seed)
                if several:
                    yield Row("relevance, human", form, name, estimate)
                if not several or name == first:
                    yield Row("relevance", form, column, estimate)

    # Critics -----------------------------------------------------------------------------------------------------

    def _judged(self, form: str, columns: Mapping[str, Sequence[Poem]]) -> Iterator[Row]:
        """How well each judge tells the poems of each column from the human ones."""
        human = columns.get(HUMAN, ())
        first = next(iter(self.checkpoints.values()))
        seed = self.config.seed
        for column, poems in columns.items():
            if column == HUMAN or not human:
                continue
            bodies = [poem.body for poem in human], [poem.body for poem in poems]
            titles = [poem.title for poem in human], [poem.title for poem in poems]
            told = self._told(f"a critic reads {form} by {column}")
            table = first.model.output.weight
            try:
                verdict = judge(*bodies, first.vocab, table, seed, progress=told, titles=titles)
            except SourceError as error:  # too few poems
                self._note(f"critic of {form}, {column}: not measured; {error}")
                continue
            self.lines[column, form] = [line.text for line in verdict.lines]
            if spare := max(map(len, bodies)) - verdict.side:
                self._note(
                    f"judges of {form}, {column}: {spare:,} of the larger side were left out, to make the sides equal"
                )
            yield Row("critic", form, column, _auc(verdict, seed))
            if find_spec("sklearn") is None:
                self._note('the n-gram judge is left out: pip install "poetgen[sklearn]"')
                continue
            told = self._told(f"an n-gram judge reads {form} by {column}")
            verdict = ngram_judge(*bodies, seed, progress=told, titles=titles)
            yield Row("n-gram judge", form, column, _auc(verdict, seed))


def _auc(verdict: Verdict, seed: int) -> Estimate:
    """The mean of the folds' AUCs; resamples draw the poems of each fold and side anew.

    Where all of them come out alike, as when every pair is told apart, so many poems might have shown another once in
    forty times (metrics.exact).
    """
    random = np.random.default_rng(seed)
    folds = [verdict.fold == fold for fold in range(len(verdict.aucs))]
    sides = [[verdict.scores[own & (verdict.machine == side)] for side in (False, True)] for own in folds]
    found = [
        np.mean([auc(*(random.choice(scores, len(scores)) for scores in pair)) for pair in sides])
        for _ in range(metrics.RESAMPLES)
    ]
    return metrics.exact(metrics.interval(verdict.auc, found, verdict.side), verdict.side)


def _poems(poems: Sequence[Poem]) -> str:
    return f"{len(poems):,} poem{'s' * (len(poems) != 1)}"


def reciprocal_ranks(
    checkpoint: Checkpoint,
    poems: Sequence[Poem],
    titles: Sequence[str],
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """(N,) one over the rank of each poem's own title among AMONG, by what the poem costs under each.

    The others are drawn from `titles`. Of titles that cost the same, the own one is the last.
    """
    random = np.random.default_rng(seed)
    asked: list[Poem] = []
    for poem in poems:
        others = [title for title in titles if title != poem.title]
        drawn = random.choice(len(others), AMONG - 1, replace=False)
        asked += [poem, *(replace(poem, title=others[place]) for place in drawn.tolist())]
    found = costs(checkpoint, split_of(asked, checkpoint.vocab), progress).all_nats.reshape(-1, AMONG)
    ranks: NDArray[np.int64] = (found <= found[:, :1]).sum(1)
    return 1.0 / ranks
