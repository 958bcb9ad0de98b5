"""Judges of poems by people and by machine, on corpora whose difference is known."""

import random
import sys

import numpy as np
import pytest
import torch

from poetgen.critic import LEAST, SEQ_LEN, Critic, Verdict, auc, even_marks, judge, ngram_judge
from poetgen.errors import SourceError, UsageError
from poetgen.sequence import CONTROL
from poetgen.vocab import Vocab

CHARACTERS = "春夏秋冬风花雪月山水云雨江河湖海天地日夜星光明白"
ALIEN = "龙虎龟蛇"
VOCAB = Vocab.build(dict.fromkeys(CHARACTERS + ALIEN + "，。", 1), CONTROL)


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


def untrained(counts: torch.Tensor) -> Critic:
    torch.manual_seed(1)
    return Critic(counts).eval().requires_grad_(False)


def test_padding_changes_nothing() -> None:
    """A poem has one score alone, beside longer ones, and with more [PAD] after it."""
    critic = untrained(torch.full((len(VOCAB),), 100))
    short, long = poems(1, 1)[0], poems(1, 2, lines=12)[0]
    alone = critic(ids(short))
    beside = critic(torch.cat([ids(short, long), torch.zeros(2, 9, dtype=torch.long)], dim=1))
    torch.testing.assert_close(beside[:1], alone)
    torch.testing.assert_close(beside[1:], critic(ids(long)))
    assert abs(float(beside[0] - beside[1])) > 1e-4, "and poems are told apart at all"


def test_rare_characters_are_all_alike() -> None:
    counts = torch.full((len(VOCAB),), 100)
    counts[VOCAB.id("龙")], counts[VOCAB.id("虎")], counts[VOCAB.id("龟")] = 0, 3, 4
    critic = untrained(counts)
    dragon, tiger, turtle, unknown = (float(critic(ids(f"春{char}。"))) for char in "龙虎龟囧")
    assert dragon == tiger == unknown != turtle


def test_order_within_lines_is_seen() -> None:
    human = poems(60, 1)
    machine = [shuffled(body, number) for number, body in enumerate(poems(60, 2))]
    assert judge(human, machine, VOCAB, folds=2).auc > 0.95
    assert judge(machine, human, VOCAB, folds=2).auc > 0.95, "whoever is human"


def test_poems_of_one_hand_cannot_be_told() -> None:
    assert judge(poems(80, 1), poems(80, 2), VOCAB, folds=2).auc == pytest.approx(0.5, abs=0.12)


def test_the_lines_that_give_a_machine_away() -> None:
    human, machine = poems(40, 1), poems(40, 2)
    odd = {number: f"{ALIEN}{char}" for number, char in zip(range(0, 40, 2), CHARACTERS, strict=False)}
    for number, line in odd.items():
        place = number % 4 * 6
        machine[number] = machine[number][:place] + line + machine[number][place + 5 :]
    verdict = judge(human, machine, VOCAB, folds=2, top=8)
    assert len(verdict.lines) == 8
    assert all(odd.get(line.poem) == line.text for line in verdict.lines)
    scores = [line.score for line in verdict.lines]
    assert scores == sorted(scores, reverse=True)
    given_away = np.isin(verdict.poems, list(odd)) & verdict.machine
    assert verdict.scores[given_away].mean() > verdict.scores[verdict.machine & ~given_away].mean()


def test_a_long_poem_is_cut_off() -> None:
    """What stands behind the cut is neither read nor found machine-like."""
    human = poems(20, 1, lines=30)
    start = SEQ_LEN // 6 * 6 + 6
    machine = [body[:start] + ALIEN + body[start + 4 :] for body in human]
    verdict = judge(human, machine, VOCAB, folds=2, top=10_000)
    assert verdict.auc == 0.5
    assert verdict.lines and not any(set(ALIEN) & set(line.text) for line in verdict.lines)


# Folds and sides -------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_verdict_and_disturbs_nobody() -> None:
    human, machine = poems(30, 1), poems(30, 2)
    torch.manual_seed(7)
    before, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr, index]
    first = judge(human, machine, VOCAB, seed=3, folds=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], legacy)  # type: ignore[index]
    torch.manual_seed(8)
    again, other = (judge(human, machine, VOCAB, seed=seed, folds=2) for seed in (3, 4))
    assert np.array_equal(first.scores, again.scores) and first.lines == again.lines
    assert not np.array_equal(first.fold, other.fold)


def test_marks_are_no_tell_and_equal_poems_stay_together() -> None:
    """Of the same poems with other marks nothing can be told, and they never meet what they were trained on."""
    human = poems(30, 1)
    machine = [body.replace("，", "！").replace("。", "？\n") for body in human[::-1]]
    pytest.importorskip("sklearn")
    for verdict in (judge(human, machine, VOCAB, folds=3), ngram_judge(human, machine, folds=3)):
        assert verdict.aucs == (0.5, 0.5, 0.5)
        own, other = verdict.fold[~verdict.machine], verdict.fold[verdict.machine]
        assert np.array_equal(own, other[::-1])


def ngrams(human: list[str], machine: list[str], **options: int) -> Verdict:
    pytest.importorskip("sklearn")
    return ngram_judge(human, machine, **options)


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
    enough = poems(LEAST, 1)
    for few in ([], enough[1:], enough[:1] * 50):
        with pytest.raises(SourceError, match=f"{LEAST} poems by people and {len(few)} generated .* give {LEAST} "):
            judge(enough, few, VOCAB)
    with pytest.raises(SourceError, match="give 25 different"):
        judge(enough, enough, VOCAB, folds=25)
    with pytest.raises(UsageError, match="folds 1"):
        judge(enough, enough, VOCAB, folds=1)


def test_progress_is_told() -> None:
    told: list[tuple[float, float]] = []
    judge(poems(20, 1), poems(20, 2), VOCAB, folds=2, progress=lambda done, total: told.append((done, total)))
    assert len(told) > 2 and told == sorted(told) and told[-1] == (2, 2)


# The second judge ------------------------------------------------------------------------------------------------


def test_the_ngram_judge_sees_neighbours() -> None:
    human = poems(60, 1)
    machine = [shuffled(body, number) for number, body in enumerate(poems(60, 2))]
    verdict = ngrams(human, machine)
    assert verdict.auc > 0.9
    assert len(verdict.lines) == 10 and all(line.text in even_marks(machine[line.poem]) for line in verdict.lines)
    assert ngrams(poems(80, 3), poems(80, 4)).auc == pytest.approx(0.5, abs=0.12)


def test_both_judges_have_the_same_folds() -> None:
    human, machine = poems(50, 1), poems(30, 2)
    one, two = judge(human, machine, VOCAB, seed=5, folds=2), ngrams(human, machine, seed=5, folds=2)
    assert np.array_equal(one.fold, two.fold) and np.array_equal(one.poems, two.poems)


def test_without_scikit_learn_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(UsageError, match=r'pip install "poetgen\[sklearn\]"'):
        ngram_judge(poems(LEAST, 1), poems(LEAST, 2))
