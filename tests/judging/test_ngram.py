"""The n-gram baseline beside a slow dictionary of the published formulas."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetgen.corpus.poem import Poem
from poetgen.data.dataset import Dataset, Split, split_of
from poetgen.data.sequence import BODY, CONTROL, END, Layout
from poetgen.data.vocab import UNK, Vocab, unknown_nats
from poetgen.errors import DatasetError
from poetgen.judging import ngram as module
from poetgen.judging.ngram import FALLBACK, NGram, discounts

CHARACTERS = "春夏秋冬风花雪月，。"
VOCAB = Vocab.build(dict.fromkeys(CHARACTERS, 1), CONTROL)
START = VOCAB.id(BODY)

Gram = tuple[int, ...]


class Slow:
    """Interpolated modified Kneser–Ney as the papers write it, one dictionary an order, one sum at a time."""

    def __init__(self, bodies: Sequence[str], order: int) -> None:
        texts = [[START, *VOCAB.encode(body), VOCAB.id(END)] for body in bodies]
        seen: dict[int, Counter[Gram]] = {
            n: Counter(tuple(text[at : at + n]) for text in texts for at in range(len(text) - n + 1))
            for n in range(1, order + 1)
        }
        self.order = order
        self.counts: dict[int, dict[Gram, int]] = {order: dict(seen[order])}
        for n in range(1, order):
            before = defaultdict(set)
            for gram in seen[n + 1]:
                before[gram[1:]].add(gram[0])
            self.counts[n] = {gram: seen[n][gram] if gram[0] == START else len(before[gram]) for gram in seen[n]}
        del self.counts[1][(START,)]  # it is never predicted
        self.discounts = {n: self.estimate(list(self.counts[n].values())) for n in self.counts}
        self.p = cache(self._p)

    @staticmethod
    def estimate(counts: list[int]) -> list[float]:
        t = {k: counts.count(k) for k in (1, 2, 3, 4)}
        if 0 in (t[1], t[2], t[3]):
            return [0.5, 1.0, 1.5]
        y = t[1] / (t[1] + 2 * t[2])
        found = [k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3)]
        return found if min(found) > 0 else [0.5, 1.0, 1.5]

    def _p(self, token: int, history: Gram, n: int) -> float:
        """p(token | the n − 1 last tokens of history)."""
        if n == 0:
            return 1 / len(VOCAB)
        if len(history) < n - 1:
            return self.p(token, history, n - 1)
        context = history[len(history) - n + 1 :]
        follow = {gram[-1]: count for gram, count in self.counts[n].items() if gram[:-1] == context}
        if not follow:
            return self.p(token, history, n - 1)
        discount = {w: self.discounts[n][min(count, 3) - 1] for w, count in follow.items()}
        total = sum(follow.values())
        own = follow[token] - discount[token] if token in follow else 0.0
        return own / total + sum(discount.values()) / total * self.p(token, history, n - 1)

    def probabilities(self, context: Sequence[int]) -> list[float]:
        return [self.p(token, (START, *context), self.order) for token in range(len(VOCAB))]


def model_of(bodies: Sequence[str], order: int) -> NGram:
    return NGram.train(split_of([Poem(body) for body in bodies], VOCAB), order)


def random_bodies(count: int, longest: int, seed: int = 0) -> list[str]:
    """Some characters come far more often than others, as in verse."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(CHARACTERS) + 1) ** 1.5
    weights /= weights.sum()
    return ["".join(rng.choice(list(CHARACTERS), rng.integers(1, longest + 1), p=weights)) for _ in range(count)]


def contexts_of(bodies: Sequence[str]) -> list[list[int]]:
    """What the bodies begin with, and beginnings that none of them has."""
    seen = {body[:size] for body in bodies for size in range(len(body) + 1)}
    fresh = [VOCAB.encode(text) for text in ("雪雪雪雪雪", "月，", "春龘春", "龘")]
    return [*map(VOCAB.encode, sorted(seen)), *fresh, [VOCAB.id(END)], [VOCAB.id("春"), VOCAB.id(END)]]


# Against the formulas --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("count", [3, 60])
def test_every_probability_is_that_of_the_formulas(order: int, count: int) -> None:
    bodies = random_bodies(count, 9)
    slow, model = Slow(bodies, order), model_of(bodies, order)
    for context in contexts_of(bodies):
        np.testing.assert_allclose(model.probabilities(context), slow.probabilities(context), rtol=0, atol=1e-9)


def test_discounts_are_estimated_where_there_is_enough() -> None:
    """So that the comparison above is not one of fall-backs alone."""
    bodies = random_bodies(60, 9)
    slow, model = Slow(bodies, 5), model_of(bodies, 5)
    for n, level in enumerate(model.levels, start=1):
        assert level.discounts.tolist() == pytest.approx([0, *slow.discounts[n]])
    assert sum(tuple(level.discounts[1:]) != FALLBACK for level in model.levels) >= 3


@settings(max_examples=40)
@given(
    st.lists(st.text("春夏，龘", max_size=7), min_size=1, max_size=8),
    st.integers(1, 6),
    st.text("春夏，龘", max_size=5),
)
def test_any_small_corpus_has_the_probabilities_of_the_formulas(bodies: list[str], order: int, given: str) -> None:
    context = VOCAB.encode(given)
    found = model_of(bodies, order).probabilities(context)
    np.testing.assert_allclose(found, Slow(bodies, order).probabilities(context), rtol=0, atol=1e-9)
    assert found.sum() == pytest.approx(1) and found.min() > 0


def test_a_model_worked_by_hand() -> None:
    """Bigrams: start 春 twice; 春月, 月 end and 春 end once. Two tokens stand before the end, one before 春 and 月."""
    model = model_of(["春月", "春"], 2)
    spring, moon, end = map(VOCAB.id, ("春", "月", END))
    base = np.full(len(VOCAB), (0.5 + 0.5 + 1) / 4 / len(VOCAB))
    base[[spring, moon]] += (1 - 0.5) / 4
    base[end] += (2 - 1) / 4
    first = base * 1 / 2
    first[spring] += (2 - 1) / 2
    after_spring = base * (0.5 + 0.5) / 2
    after_spring[[moon, end]] += (1 - 0.5) / 2
    after_moon = base * 0.5 / 1
    after_moon[end] += (1 - 0.5) / 1
    for context, expected in (([], first), ([spring], after_spring), ([spring, moon], after_moon), ([UNK], base)):
        assert model.probabilities(context) == pytest.approx(expected)


def test_the_start_is_as_likely_as_a_token_that_training_lacks() -> None:
    """It follows nothing, but is in the vocabulary, over which probabilities sum to 1."""
    chances = model_of(["春月", "春"], 2).probabilities([VOCAB.id("春")])
    start = Layout(VOCAB).body
    assert chances[start] == chances[UNK] == chances.min() > 0


@pytest.mark.parametrize("counts", [(0, 3, 2, 1), (5, 0, 1, 1), (5, 3, 0, 1), (4, 1, 9, 2), (6, 1, 1, 90)])
def test_counts_of_counts_that_give_no_discount_fall_back(counts: tuple[int, ...]) -> None:
    assert discounts(counts) == FALLBACK


def test_every_distribution_sums_to_one() -> None:
    bodies = random_bodies(60, 9)
    for order in (1, 2, 3, 5):
        model = model_of(bodies, order)
        for context in contexts_of(bodies):
            found = model.probabilities(context)
            assert found.shape == (len(VOCAB),)
            assert found.sum() == pytest.approx(1, abs=1e-12) and found.min() > 0


# Poems -----------------------------------------------------------------------------------------------------------


def test_a_poem_costs_what_the_model_says_of_its_tokens() -> None:
    bodies = random_bodies(40, 9)
    model = model_of(bodies, 4)
    fresh = ["春夏，秋冬。", "龘月龘", "", "春" * 30]
    poems = [Poem(body, title="花", author="雪", form="五绝") for body in fresh]
    found = list(model.poems(split_of(poems, VOCAB)))
    assert [number for number, _, _ in found] == [0, 1, 2, 3]
    for body, (_, ids, nats) in zip(fresh, found, strict=True):
        expected = [*VOCAB.encode(body), VOCAB.id(END)]
        assert ids.tolist() == expected and ids.dtype == np.int64
        for at, token in enumerate(expected):
            charge = unknown_nats(VOCAB) if token == UNK else 0
            assert nats[at] == pytest.approx(charge - math.log(model.probabilities(expected[:at])[token]))


def test_headers_are_neither_counted_nor_read() -> None:
    bodies = random_bodies(30, 9)
    plain = split_of([Poem(body) for body in bodies], VOCAB)
    titled = split_of([Poem(body, title="雪花" * (at % 3), author="月") for at, body in enumerate(bodies)], VOCAB)
    for one, other in zip(NGram.train(plain).poems(titled), NGram.train(titled).poems(plain), strict=True):
        assert one[1].tolist() == other[1].tolist() and one[2].tolist() == other[2].tolist()


def test_some_poems_of_a_split_are_a_split() -> None:
    bodies = random_bodies(30, 9)
    split = split_of([Poem(body, title="花月") for body in bodies], VOCAB)
    chosen = [17, 3, 4, 29]
    some = Split(split.tokens, split.poems[chosen], split.layout)
    model = NGram.train(some, 3)
    same = model_of([bodies[at] for at in chosen], 3)
    for one, other in zip(model.poems(some), same.poems(some), strict=True):
        assert one[2].tolist() == other[2].tolist()
    assert [VOCAB.decode(ids[:-1].tolist()) for _, ids, _ in model.poems(some)] == [bodies[at] for at in chosen]


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = random_bodies(50, 40)
    split = split_of([Poem(body, title="花") for body in bodies], VOCAB)
    whole = list(NGram.train(split).poems(split))
    for chunk in (1, 30, 200):
        monkeypatch.setattr(module, "_CHUNK", chunk)
        pieces = list(NGram.train(split).poems(split))
        assert [number for number, _, _ in pieces] == list(range(50))
        assert all(np.array_equal(one[2], other[2]) for one, other in zip(whole, pieces, strict=True))


def test_a_long_text_is_one_body() -> None:
    text = "".join(random_bodies(3000, 20))
    assert len(text) > 20_000
    model = model_of([text], 5)
    ((_, ids, nats),) = model.poems(split_of([Poem(text)], VOCAB))
    assert len(ids) == len(nats) == len(text) + 1
    assert 0 < nats.mean() < math.log(len(CHARACTERS))


def test_what_was_counted_is_likelier_than_what_was_not() -> None:
    bodies = random_bodies(300, 12)
    shuffled = ["".join(np.random.default_rng(at).permutation(list(body))) for at, body in enumerate(bodies)]
    costs = []
    for own in (bodies, shuffled):
        split = split_of([Poem(body) for body in own], VOCAB)
        costs.append(sum(float(nats.sum()) for _, _, nats in model_of(bodies, 5).poems(split)))
    assert costs[0] < 0.8 * costs[1]


def test_an_order_beyond_the_longest_body_is_the_one_that_reaches_it() -> None:
    bodies = ["春月", "月", "春"]
    model, whole = model_of(bodies, 9), model_of(bodies, 4)
    assert len(model.levels) == len(whole.levels) == 4
    for context in contexts_of(bodies):
        assert model.probabilities(context).tolist() == whole.probabilities(context).tolist()


def test_keys_sort_alike_whether_or_not_they_fit_in_a_word_with_their_places() -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 500, 2000)
    at = np.cumsum(rng.integers(1, 9, 2000))
    assert int(small.max()).bit_length() + int(at[-1]).bit_length() == 9 + 14
    for bits in (0, 40, 41, 53):
        scale = 1 << bits
        keys, places = module._sort(small * scale, at)
        order = np.argsort(small, kind="stable")
        assert keys.tolist() == (small[order] * scale).tolist()
        assert places.tolist() == at[order].tolist()


def test_a_prepared_dataset(prepared: Path) -> None:
    dataset = Dataset.load(prepared)
    done: list[tuple[int, int]] = []
    model = NGram.train(dataset.train, progress=lambda *at: done.append(at))
    assert done == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    scored: list[tuple[int, int]] = []
    for number, ids, nats in model.poems(dataset.valid, progress=lambda *at: scored.append(at)):
        assert ids.tolist() == [*dataset.valid.fields(number)["body"].tolist(), dataset.valid.layout.end]
        assert (nats > 0).all()
    assert scored == [(len(dataset.valid), len(dataset.valid))]


# Errors ----------------------------------------------------------------------------------------------------------


def test_nothing_to_count_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_of([Poem("春月")], VOCAB)
    with pytest.raises(DatasetError, match="no poems"):
        NGram.train(split_of([], VOCAB))
    assert list(NGram.train(split).poems(split_of([], VOCAB))) == []
    with pytest.raises(ValueError, match="at least one token"):
        NGram.train(split, 0)
    monkeypatch.setattr(module, "_MOST", 3)
    with pytest.raises(DatasetError, match="4 tokens are more"):
        NGram.train(split)


def test_another_vocabulary_is_refused() -> None:
    other = Vocab.build({"春": 1}, CONTROL)
    with pytest.raises(DatasetError, match="different vocabularies"):
        list(model_of(["春月"], 2).poems(split_of([Poem("春")], other)))
