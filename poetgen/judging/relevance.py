"""Whether poems tell their titles, and whether their couplets belong together, by what characters people put together.

    a poem, its own title and 19 others   ──▶  the rank of its own, by how much each makes its characters likelier
    a first couplet, its second and 19 others  ──▶  the same

The judge is a count of the training poems (association.py): it has read people alone, and knows of no checkpoint. A
network that writes gibberish ranks at chance.

Shapes: N poems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from poetgen.corpus import Poem
from poetgen.judging.association import Company
from poetgen.judging.bootstrap import ratio
from poetgen.judging.evaluation import Evaluation, Row
from poetgen.text import couplets

_Floats = NDArray[np.float64]

#: Titles and couplets among which the own one is ranked.
CHOICES: Final = 20
#: Poems of a form and a column that are ranked.
_RANKED: Final = 1000


def relevance_rows(evaluation: Evaluation, form: str, columns: Mapping[str, Sequence[Poem]]) -> Iterator[Row]:
    """How well titles, those of other poems in their place, and second couplets are told, of each column."""
    seed = evaluation.config.seed
    company = evaluation.company
    if company is None:
        evaluation.note("relevance and coherence are not measured without --data, whose poems teach their judge")
        return
    for column, poems in columns.items():
        titled = [(poem.title, poem.body) for poem in poems if poem.title][:_RANKED]
        others = [(titled[place - 1][0], body) for place, (_, body) in enumerate(titled)]
        halves = [(first, second) for first, second, *_ in (couplets(poem.body) + ["", ""] for poem in poems) if second]
        for figure, ranked in (
            ("relevance", title_ranks(company, titled, seed)),
            ("relevance, of another", title_ranks(company, others, seed)),
            ("coherence", couplet_ranks(company, halves[:_RANKED], seed)),
        ):
            if ranked is None:
                evaluation.note(f"{figure} of {form}, {column}: not measured; it takes {CHOICES} different ones")
            else:
                yield Row(figure, form, column, ratio(ranked, seed=seed))


def title_ranks(company: Company, poems: Sequence[tuple[str, str]], seed: int = 0) -> _Floats | None:
    """(N,) one over the rank of each poem's title among CHOICES, the others drawn from the other poems.

    Poems are titles and bodies. Of titles that are as good, the own one is the last. None where there are too few.
    """
    bodies = [company.encode(body) for _, body in poems]
    titles = [title for title, _ in poems]
    return _ranks(titles, lambda row, title: company.titles.gain(company.encode(title), bodies[row]), seed)


def couplet_ranks(company: Company, halves: Sequence[tuple[str, str]], seed: int = 0) -> _Floats | None:
    """(N,) the same of second couplets, each after its first."""
    firsts = [company.encode(first) for first, _ in halves]
    seconds = [second for _, second in halves]
    return _ranks(seconds, lambda row, second: company.couplets.gain(firsts[row], company.encode(second)), seed)


def _ranks(own: Sequence[str], gain: Callable[[int, str], float], seed: int) -> _Floats | None:
    random = np.random.default_rng(seed)
    choices = list(dict.fromkeys(own))
    if len(choices) < CHOICES:
        return None
    ranks = np.zeros(len(own))
    for row, text in enumerate(own):
        others = [choices[place] for place in random.choice(len(choices), CHOICES, replace=False).tolist()]
        others = [other for other in others if other != text][: CHOICES - 1]
        best = gain(row, text)
        ranks[row] = 1 / (1 + sum(gain(row, other) >= best for other in others))
    return ranks
