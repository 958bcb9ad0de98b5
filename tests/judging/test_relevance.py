"""Titles and couplets, told by what characters people put together."""

import random

import numpy as np
import pytest

from poetgen.config import EvaluateConfig
from poetgen.corpus import Poem
from poetgen.data.dataset import split_of
from poetgen.data.vocab import Vocab
from poetgen.judging.association import Association, Company
from poetgen.judging.definitions import DEFINITIONS
from poetgen.judging.evaluation import HUMAN, Evaluation
from poetgen.judging.relevance import CHOICES, couplet_ranks, relevance_rows, title_ranks

#: Forty subjects: a character of the title, five that go with it in a body, and five that follow in a second couplet.
SUBJECTS = [chr(0x4E00 + 11 * number) for number in range(40)]
CHARS = [chr(0x4E00 + number) for number in range(440)]
VOCAB = Vocab.build(dict.fromkeys([*CHARS, "，", "。"], 1))


def poem(subject: int, draw: random.Random, gibberish: bool = False) -> Poem:
    first, second = (
        draw.choices(CHARS if gibberish else CHARS[11 * subject + start : 11 * subject + start + 5], k=10)
        for start in (1, 6)
    )
    body = "".join(f"{''.join(part[:5])}，{''.join(part[5:])}。" for part in (first, second))
    return Poem(body, title=SUBJECTS[subject] + draw.choice(CHARS), form="五绝")


def poems(count: int, seed: int, gibberish: bool = False) -> list[Poem]:
    draw = random.Random(seed)
    return [poem(draw.randrange(len(SUBJECTS)), draw, gibberish) for _ in range(count)]


@pytest.fixture(scope="module")
def company() -> Company:
    return Company.of(split_of(poems(6000, 1), VOCAB))


def titled(some: list[Poem]) -> list[tuple[str, str]]:
    return [(poem.title, poem.body) for poem in some]


def halved(some: list[Poem]) -> list[tuple[str, str]]:
    return [(poem.body[:12], poem.body[12:]) for poem in some]


def mean(ranks: np.ndarray | None) -> float:  # type: ignore[type-arg]
    assert ranks is not None
    return float(ranks.mean())


def test_characters_that_go_together_gain_and_others_do_not() -> None:
    draw = np.random.default_rng(0)
    pairs = [(np.array([kind]), 10 * (1 + kind) + draw.integers(0, 10, 8)) for kind in draw.integers(0, 2, 4000)]
    association = Association.count(pairs)
    zero = np.array([0])
    assert association.gain(zero, np.arange(10, 20)) > 0.3 > 0 > association.gain(zero, np.arange(20, 30))
    assert association.gain(zero, np.array([], dtype=np.int64)) == 0, "nothing is known of nothing"
    assert association.gain(np.array([3000]), np.arange(10, 30)) == pytest.approx(0, abs=0.01), "nor of a stranger"


def test_poems_of_their_titles_are_told_and_those_of_others_are_chance(company: Company) -> None:
    new = poems(600, 2)
    assert mean(title_ranks(company, titled(new))) > 0.7
    others = [(other.title, poem.body) for poem, other in zip(new, new[1:], strict=False)]
    assert mean(title_ranks(company, others)) == pytest.approx(0.18, abs=0.05)


def test_a_network_that_writes_gibberish_ranks_at_chance(company: Company) -> None:
    nonsense = poems(1000, 3, gibberish=True)
    assert mean(title_ranks(company, titled(nonsense))) == pytest.approx(0.18, abs=0.03)
    assert mean(couplet_ranks(company, halved(nonsense))) == pytest.approx(0.18, abs=0.03)
    assert "0.18 by chance" in DEFINITIONS["relevance"]


def test_second_couplets_are_told_by_their_first(company: Company) -> None:
    assert mean(couplet_ranks(company, halved(poems(600, 4)))) > 0.7


def test_equal_choices_do_not_win(company: Company) -> None:
    same = [("", poem.body) for poem in poems(30, 5)]
    assert title_ranks(company, same) is None, "there are no twenty to choose from"
    unknown = [(chr(0x5E00 + number), poem.body) for number, poem in enumerate(poems(30, 5))]
    ranks = title_ranks(company, unknown)
    assert ranks is not None and ranks.tolist() == [1 / CHOICES] * 30, (
        "of titles as good as one another, the own is last"
    )


def test_rows_have_the_shuffled_titles_beside_them_and_say_what_is_missing(company: Company) -> None:
    evaluation = Evaluation({}, EvaluateConfig())
    columns = {HUMAN: poems(300, 6), "few": poems(19, 7)}
    assert list(relevance_rows(evaluation, "五绝", columns)) == []
    assert "not measured without --data" in evaluation.notes[0]
    evaluation.__dict__["company"] = company
    rows = {(row.figure, row.column): row.estimate for row in relevance_rows(evaluation, "五绝", columns)}
    assert set(rows) == {(name, HUMAN) for name in ("relevance", "relevance, of another", "coherence")}
    assert rows["relevance", HUMAN].value > 0.7 and rows["relevance, of another", HUMAN].value < 0.25
    assert rows["coherence", HUMAN].poems == 300
    assert "coherence of 五绝, few: not measured; it takes 20 different ones" in evaluation.notes
