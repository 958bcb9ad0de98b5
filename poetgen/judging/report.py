"""Everything that `poetgen evaluate` says of checkpoints and of poems: a figure a row, by the names in definitions.py.

    human poems ──┬─▶ what they cost each checkpoint, and an n-gram model            ppl_char, ppl_all, bpc
                  └─▶ titles ──▶ poems by each checkpoint ─┐
    poems of a file ───────────────────────────────────────┴▶ form, rhyme, …, novelty, relevance, critic

What is said of generated poems is said of the human poems of the same form, too: no figure means much alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any

from poetgen.corpus import Poem
from poetgen.judging import metrics
from poetgen.judging.definitions import DEFINITIONS
from poetgen.judging.evaluation import HUMAN, NGRAM, Evaluation, Row, count_of_poems
from poetgen.judging.gathering import poems_by_column
from poetgen.judging.judges import judged_rows
from poetgen.judging.novelty import novelty_rows
from poetgen.judging.perplexities import perplexity_tables
from poetgen.judging.relevance import relevance_rows


@dataclass
class Report(Evaluation):
    """An evaluation under way; `tables` yields its figures as they are found.

    `lines` are the most machine-like, by column and form, once the critic has been asked.
    """

    lines: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def tables(self) -> Iterator[list[Row]]:
        """Every figure that can be had of what is given, scope by scope: source by source, then form by form."""
        self._note_what_is_left_out()
        yield from perplexity_tables(self)
        missing = []
        for form in self.config.forms:
            if rows := list(self._of_form(form)):
                yield rows
            else:
                missing.append(form)
        if missing:
            self.note(f"no poems in the forms {', '.join(missing)}")

    def rows(self) -> Iterator[Row]:
        """The same, one figure after the other."""
        return chain.from_iterable(self.tables())

    def sources(self) -> dict[str, str]:
        """What each column is, by its name."""
        sources = {HUMAN: f"{count_of_poems(self.human)} of {self.human_source}"} if self.human else {}
        if self.poems:
            sources[self.source] = f"{count_of_poems(self.poems)} to judge"
        for name, checkpoint in self.checkpoints.items():
            model = checkpoint.model.config
            sources[name] = f"{model.cell} {model.layers} x {model.hidden}, {checkpoint.path} ({checkpoint.id})"
        if self.dataset is not None:
            sources[NGRAM] = f"interpolated Kneser-Ney on {len(self.dataset.train):,} poems of {self.dataset.folder}"
        return sources

    def record(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The whole report as JSON values: under each figure's name its scopes, in these its columns."""
        figures: dict[str, Any] = {}
        for figure, scope, column, estimate in rows:
            numbers = {key: value if math.isfinite(value) else None for key, value in estimate._asdict().items()}
            figures.setdefault(figure, {}).setdefault(scope, {})[column] = numbers
        return figures | {
            "definitions": {name: DEFINITIONS[name] for name in figures},
            "columns": self.sources(),
            "options": asdict(self.config),
            "machine-like": [
                {"column": column, "form": form, "lines": lines} for (column, form), lines in self.lines.items()
            ],
        }

    def _note_what_is_left_out(self) -> None:
        other = sum(poem.form not in self.config.forms for poem in self.poems)
        if other and not self.config.held_to:
            self.note(
                f"{self.source}: {other:,} of {count_of_poems(self.poems)} do not have the lines of "
                f"{' or '.join(self.config.forms)}, and only their perplexity is measured; --as FORM holds all against "
                "one form"
            )
        if self.dataset is None and any(checkpoint.lines is not None for checkpoint in self.checkpoints.values()):
            self.note(
                "without --data novelty goes by the checkpoint's index of lines, which has those of its validation "
                "split, too, and takes 1.3 % of new lines for known"
            )

    def _of_form(self, form: str) -> Iterator[Row]:
        """All that is said of the poems of a form."""
        columns = dict(poems_by_column(self, form))
        if not columns:
            return
        bodies = {name: [poem.body for poem in poems] for name, poems in columns.items()}
        novelty = novelty_rows(self, form, bodies)
        for name, poems in bodies.items():
            for figure, estimate in metrics.of_form(poems, form, self.config.seed).items():
                # Of poems that were chosen by their form, it says nothing that all have it.
                if figure != "form" or name in self.checkpoints or self.config.held_to:
                    yield Row(figure, form, name, estimate)
            yield from novelty[name]
        yield from _variety(form, columns)
        yield from relevance_rows(self, form, columns)
        if self.config.critic:
            yield from judged_rows(self, form, columns, self.lines)


def _variety(form: str, columns: Mapping[str, Sequence[Poem]]) -> Iterator[Row]:
    """Distinct characters and words, over as many poems in each column: the more there are, the less is new."""
    count = min(map(len, columns.values()), default=0)
    for column, poems in columns.items():
        for size in (1, 2):
            yield Row(f"distinct-{size}", form, column, metrics.variety([poem.body for poem in poems[:count]], size))
