"""Judges of poems by people and by machine, on corpora whose difference is known."""

import math
import random
import sys
from typing import Any

import numpy as np
import pytest
import torch

from poetgen.data.sequence import CONTROL
from poetgen.data.vocab import Vocab
from poetgen.errors import SourceError, UsageError
from poetgen.judging.critic import LEAST_OF_A_SIDE, JudgeVerdict, judge, ngram_judge
from poetgen.network import classifier
from poetgen.network.classifier import MOST_STEPS, PoemClassifier, auc, even_marks

CHARACTERS = "春夏秋冬风花雪月山水云雨江河湖海天地日夜星光明白"
ALIEN = "龙虎龟蛇"
VOCAB = Vocab.build(dict.fromkeys(CHARACTERS + ALIEN + "，。", 1), CONTROL)
#: Embeddings by which any two characters can be told apart.
TABLE = torch.randn(len(VOCAB), 24, generator=torch.Generator().manual_seed(1))


def poems(count: int, seed: int, lines: int = 4) -> list[str]:
    """Poems in which a character is followed by one of the two after it, in the order of CHARACTERS."""
    draw = random.Random(seed)

    def line() -> str:
        at = [draw.randrange(len(CHARACTERS))]
        for _ in range(4):
            at.append((at[-1] + draw.choice((1, 2))) % len(CHARACTERS))
        return "".join(CHARACTERS[place] for place in at)

    return [even_marks("，".join(line() for _ in range(lines))) for _ in range(count)]


def shuffled(body: str, seed: int) -> str:
    """The same characters in every line, in another order."""
    draw = random.Random(seed)
    return (
        "，".join("".join(draw.sample(line, len(line))) for line in body.replace("。", "，").split("，") if line) + "。"
    )


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Critics that learn nearly nothing, where it does not matter what they find."""
    monkeypatch.setattr(classifier, "_EPOCHS", 2)
    monkeypatch.setattr(classifier, "_UPDATES", 1)


# AUC -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_auc_counts_pairs_and_ties_half(seed: int) -> None:
    rng = np.random.default_rng(seed)
    human, machine = rng.integers(0, 8, 30).astype(float), rng.integers(2, 9, 17).astype(float)
    pairs = [1.0 if m > h else 0.5 if m == h else 0.0 for h in human for m in machine]
    assert 0 < sum(pair == 0.5 for pair in pairs) < len(pairs), "some are ties"
    assert auc(human, machine) == pytest.approx(np.mean(pairs))
    metrics = pytest.importorskip("sklearn.metrics")
    labels = np.repeat([0, 1], (len(human), len(machine)))
    assert auc(human, machine) == pytest.approx(metrics.roc_auc_score(labels, np.concatenate([human, machine])))


def test_auc_knows_which_side_is_above() -> None:
    low, high = np.array([0.0, 1.0]), np.array([2.0, 3.0])
    assert (auc(low, high), auc(high, low), auc(low, low)) == (1.0, 0.0, 0.5)
    with pytest.raises(ValueError, match="no pairs"):
        auc(low, np.array([]))


# The critic ------------------------------------------------------------------------------------------------------


def ids(*bodies: str) -> torch.Tensor:
    rows = [torch.tensor(VOCAB.encode(body)) for body in bodies]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def untrained(counts: torch.Tensor) -> PoemClassifier:
    torch.manual_seed(1)
    return PoemClassifier(counts, TABLE).eval().requires_grad_(False)


def test_padding_changes_nothing() -> None:
    """A poem has one score alone, beside longer ones, and with more [PAD] after it."""
    reader = untrained(torch.full((len(VOCAB),), 100))
    short, long = poems(1, 1)[0], poems(1, 2, lines=12)[0]
    alone = reader(ids(short))
    beside = reader(torch.cat([ids(short, long), torch.zeros(2, 9, dtype=torch.long)], dim=1))
    torch.testing.assert_close(beside[:1], alone)
    torch.testing.assert_close(beside[1:], reader(ids(long)))
    assert abs(float(beside[0] - beside[1])) > 1e-4, "and poems are told apart at all"


@pytest.mark.slow
def test_rare_characters_have_something_in_common() -> None:
    """A machine that writes rare characters is found out by others than it was trained on."""
    rare = [chr(0x4E00 + number) for number in range(60)]
    vocab = Vocab.build(dict.fromkeys([*CHARACTERS, *rare, *"，。"], 1), CONTROL)
    table = torch.randn(len(vocab), 24, generator=torch.Generator().manual_seed(1))
    machine = [body[:2] + char + body[3:] for body, char in zip(poems(60, 2), rare, strict=True)]
    assert judge(poems(60, 1), machine, vocab, table, folds=2).auc > 0.9


@pytest.mark.slow
def test_characters_outside_the_vocabulary_can_be_judged() -> None:
    """In poems of any length, side by side."""
    human, machine = ([*poems(30, seed), *poems(30, seed + 1, lines=8)] for seed in (1, 3))
    machine = [body[:2] + chr(0x4E00 + number) + body[3:] for number, body in enumerate(machine)]
    random.Random(1).shuffle(machine)
    assert judge(human, machine, VOCAB, TABLE, folds=2).auc > 0.9


@pytest.mark.slow
def test_order_within_lines_is_seen() -> None:
    """By embeddings that know which characters are near each other, as those of a trained model do."""
    table = torch.zeros(len(VOCAB), 12)
    for place, char in enumerate(CHARACTERS):
        angle = 2 * math.pi * place / len(CHARACTERS)
        table[VOCAB.id(char)] = torch.tensor([turn(k * angle) for k in range(1, 7) for turn in (math.cos, math.sin)])
    machine = [shuffled(body, number) for number, body in enumerate(poems(150, 2))]
    assert judge(poems(150, 1), machine, VOCAB, table, folds=2).auc > 0.85


@pytest.mark.slow
def test_poems_of_one_hand_cannot_be_told() -> None:
    assert judge(poems(120, 1), poems(120, 2), VOCAB, TABLE, folds=2).auc == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_the_lines_that_give_a_machine_away() -> None:
    human, machine = poems(40, 1), poems(40, 2)
    odd = {number: f"{ALIEN}{char}" for number, char in zip(range(0, 40, 2), CHARACTERS, strict=False)}
    for number, line in odd.items():
        place = number % 4 * 6
        machine[number] = machine[number][:place] + line + machine[number][place + 5 :]
    verdict = judge(human, machine, VOCAB, TABLE, folds=2, top=8)
    assert len(verdict.lines) == 8
    assert all(odd.get(line.poem) == line.text for line in verdict.lines)
    scores = [line.score for line in verdict.lines]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.usefixtures("hasty")
def test_a_long_poem_is_cut_off() -> None:
    human = poems(20, 1, lines=30)
    start = MOST_STEPS // 6 * 6 + 6
    machine = [body[:start] + ALIEN + body[start + 4 :] for body in human]
    titles = [str(number) for number in range(20)]
    assert judge(human, machine, VOCAB, TABLE, folds=2, titles=(titles, titles)).auc == 0.5


# Folds and sides -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hasty")
def test_the_same_seed_gives_the_same_verdict_and_disturbs_nobody() -> None:
    human, machine = poems(30, 1), poems(30, 2)
    torch.manual_seed(7)
    before, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr, index]
    first = judge(human, machine, VOCAB, TABLE, seed=3, folds=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], legacy)  # type: ignore[index]
    torch.manual_seed(8)
    again = judge(human, machine, VOCAB, TABLE, seed=3, folds=2)
    assert np.array_equal(first.scores, again.scores) and first.lines == again.lines


@pytest.mark.usefixtures("hasty")
def test_marks_are_no_tell_and_equal_poems_stay_together() -> None:
    """Of the same poems with other marks nothing can be told, and they never meet what they were trained on."""
    human = poems(20, 1)
    machine = [body.replace("，", "！").replace("。", "？\n") for body in human[::-1]]
    pytest.importorskip("sklearn")
    for verdict in (judge(human, machine, VOCAB, TABLE, folds=2), ngram_judge(human, machine, folds=2)):
        assert verdict.aucs == (0.5, 0.5)
        own, other = verdict.fold[~verdict.machine], verdict.fold[verdict.machine]
        assert np.array_equal(own, other[::-1])


def ngrams(human: list[str], machine: list[str], **options: Any) -> JudgeVerdict:
    pytest.importorskip("sklearn")
    return ngram_judge(human, machine, **options)


def test_poems_of_one_title_stay_together() -> None:
    """Else what a title is about would tell on which side its other poem was, and a judge be worse than a guess."""
    human = poems(40, 1)
    machine = [shuffled(body, number) for number, body in enumerate(human)]
    titles = [f"其{number}" for number in range(38)] + ["", ""]
    pytest.importorskip("sklearn")
    parted = ngram_judge(human, machine)
    paired = ngram_judge(human, machine, titles=(titles, titles[::-1]))
    own, other = paired.fold[~paired.machine], paired.fold[paired.machine][::-1]
    assert np.array_equal(own[:38], other[:38])
    assert not np.array_equal(parted.fold[~parted.machine][:38], parted.fold[parted.machine][::-1][:38])


def test_what_is_together_by_way_of_others_is_together() -> None:
    """A poem that comes under two titles joins the poems of both."""
    human, machine = poems(40, 1), poems(40, 2)
    machine[0] = machine[1] = human[0]
    titles = [[f"{side}{number}" for number in range(40)] for side in "甲乙"]
    titles[0][5], titles[1][7] = titles[1][1], titles[1][0]
    verdict = ngrams(human, machine, titles=(titles[0], titles[1]))
    own, other = verdict.fold[~verdict.machine], verdict.fold[verdict.machine]
    assert len({int(fold) for fold in (own[0], own[5], other[0], other[1], other[7])}) == 1
    assert len(set(own.tolist())) == 5


def test_folds_have_their_share_of_both_sides() -> None:
    machine = [*poems(48, 2), *poems(1, 3) * 4]
    verdict = ngrams(poems(52, 1), machine, folds=5)
    for fold in range(5):
        for side in (verdict.machine, ~verdict.machine):
            assert 10 <= np.sum(side & (verdict.fold == fold)) <= 11
    assert len(set(verdict.fold[verdict.machine][48:].tolist())) == 1, "a poem that comes four times"
    assert verdict.auc == pytest.approx(np.mean(verdict.aucs)) and len(verdict.aucs) == 5


def test_the_larger_side_is_cut_to_the_smaller() -> None:
    human, machine = poems(90, 1), poems(30, 2)
    verdict = ngrams(human, machine, folds=3)
    assert verdict.side == 30 and len(verdict.scores) == 60
    numbers = verdict.poems[~verdict.machine].tolist()
    assert len(set(numbers)) == 30 and max(numbers) > 60, "drawn from all of it, none twice"
    assert sorted(verdict.poems[verdict.machine].tolist()) == list(range(30))


def test_too_few_poems_are_said_to_be_too_few() -> None:
    enough = poems(LEAST_OF_A_SIDE, 1)
    for few in ([], enough[1:], enough[:1] * 50):
        with pytest.raises(
            SourceError, match=f"{LEAST_OF_A_SIDE} poems by people and {len(few)} generated .* takes {LEAST_OF_A_SIDE} "
        ):
            judge(enough, few, VOCAB, TABLE)
    with pytest.raises(SourceError, match="takes 25 different"):
        judge(enough, enough, VOCAB, TABLE, folds=25)
    with pytest.raises(ValueError, match="1 folds"):
        judge(enough, enough, VOCAB, TABLE, folds=1)


@pytest.mark.usefixtures("hasty")
def test_progress_is_told() -> None:
    told: list[tuple[float, float]] = []
    judge(poems(20, 1), poems(20, 2), VOCAB, TABLE, folds=2, progress=lambda done, total: told.append((done, total)))
    assert len(told) > 2 and told == sorted(told) and told[-1] == (2, 2)


# The second judge ------------------------------------------------------------------------------------------------


def test_the_ngram_judge_sees_neighbours() -> None:
    human = poems(60, 1)
    machine = [shuffled(body, number) for number, body in enumerate(poems(60, 2))]
    verdict = ngrams(human, machine)
    assert verdict.auc > 0.9
    assert len(verdict.lines) == 10 and all(line.text in even_marks(machine[line.poem]) for line in verdict.lines)
    assert ngrams(poems(200, 3), poems(200, 4)).auc == pytest.approx(0.5, abs=0.1)


@pytest.mark.usefixtures("hasty")
def test_both_judges_have_the_same_folds() -> None:
    human, machine = poems(50, 1), poems(30, 2)
    one, two = judge(human, machine, VOCAB, TABLE, seed=5, folds=2), ngrams(human, machine, seed=5, folds=2)
    assert np.array_equal(one.fold, two.fold) and np.array_equal(one.poems, two.poems)
    other = ngrams(human, machine, seed=6, folds=2)
    assert not np.array_equal(two.fold, other.fold) and not np.array_equal(two.poems, other.poems)


def test_without_scikit_learn_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(UsageError, match=r'pip install "poetgen\[sklearn\]"'):
        ngram_judge(poems(LEAST_OF_A_SIDE, 1), poems(LEAST_OF_A_SIDE, 2))
