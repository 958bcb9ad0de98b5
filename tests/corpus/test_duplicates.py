"""Which poems are the same, nearly the same, or share lines."""

import random
import time
import tracemalloc
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetgen.corpus import duplicates as module
from poetgen.corpus.duplicates import (
    choose_valid,
    exact_duplicates,
    hash_clauses,
    kinships,
    leaks,
    near_duplicates,
    poem_keys,
    select,
)
from poetgen.text import clauses as cut

A = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
B = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


def duplicates(*bodies: str) -> list[bool]:
    return exact_duplicates(poem_keys(hash_clauses(bodies), len(bodies))).tolist()


def near(*bodies: str) -> list[int]:
    return near_duplicates(hash_clauses(bodies), len(bodies)).tolist()


def kin(*bodies: str) -> list[int]:
    return kinships(hash_clauses(bodies), len(bodies)).tolist()


BODY = st.text(alphabet="春夏秋冬，。？、\n", max_size=40)


@given(st.lists(BODY, max_size=6))
def test_clauses_are_those_of_the_poems(bodies: list[str]) -> None:
    hashed = hash_clauses(bodies)
    expected = [(number, clause) for number, body in enumerate(bodies) for clause in cut(body) if clause]
    assert hashed.poem.tolist() == [number for number, _ in expected]
    assert hashed.length.tolist() == [len(clause) for _, clause in expected]
    texts: dict[str, int] = {}
    for (_, clause), value in zip(expected, hashed.hash.tolist(), strict=True):
        assert texts.setdefault(clause, value) == value, "one clause, one hash, wherever it stands"
    assert len(set(texts.values())) == len(texts)


def test_hashes_are_what_plain_integers_give() -> None:
    def mix(x: int) -> int:
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return x ^ x >> 31

    clause = "春眠不觉晓"
    total = sum(mix(ord(char) + (place + 1 << 32)) for place, char in enumerate(clause)) % 2**64
    assert hash_clauses([clause + "，"]).hash.tolist() == [mix(total)] == [7947389371057657144]


def test_the_order_of_characters_counts() -> None:
    first, second = hash_clauses(["明月光，月明光，"]).hash.tolist()
    assert first != second


def test_parts_are_numbered_on() -> None:
    parts = module.concatenate([hash_clauses([A]), hash_clauses([B, A]).shift(1)])
    whole = hash_clauses([A, B, A])
    assert parts.poem.tolist() == whole.poem.tolist() and (parts.hash == whole.hash).all()
    assert len(module.concatenate([]).hash) == 0
    kept = select(whole, np.array([False, True, False]))
    assert set(kept.poem.tolist()) == {1} and len(kept.hash) == 4


# Duplicates ------------------------------------------------------------------------------------------------------


def test_the_first_of_equal_poems_stays() -> None:
    assert duplicates(A, B, A, A) == [False, False, True, True]
    assert duplicates(A, A.replace("，", "。").replace("。", "！")) == [False, True], "punctuation makes no other poem"


def test_other_poems_are_no_duplicates() -> None:
    lines = cut(A)
    turned = "，".join(reversed(lines)) + "。"
    assert duplicates(A, turned, A[:-6], A + "又一层楼。", A.replace("楼", "台")) == [False] * 5


@given(st.lists(BODY.filter(lambda body: any(cut(body))), min_size=2, max_size=8))
def test_poems_are_equal_when_their_clauses_are(bodies: list[str]) -> None:
    seen: set[tuple[str, ...]] = set()
    for body, repeated in zip(bodies, duplicates(*bodies), strict=True):
        key = tuple(clause for clause in cut(body) if clause)
        assert repeated == (key in seen)
        seen.add(key)


def with_lines(poem: str, other: str, count: int) -> str:
    """A poem whose first `count` lines are those of another."""
    return "，".join(cut(other)[:count] + cut(poem)[count:]) + "。"


@pytest.mark.parametrize(("shared", "nearly"), [(0, False), (2, False), (3, True), (4, True)])
def test_three_lines_of_four_are_a_near_duplicate(shared: int, nearly: bool) -> None:
    assert near(A, B, with_lines(B, A, shared)) == [-1, -1, 0 if nearly else (1 if shared == 0 else -1)]


def test_a_long_poem_that_quotes_a_short_one_is_kept_and_the_other_way_round_it_is_not() -> None:
    long = A + B
    assert near(A, long) == [-1, -1]
    assert near(long, A) == [-1, 0]


def test_a_poem_that_repeats_its_own_line_is_no_duplicate() -> None:
    assert near("采采芣苢，薄言采之。采采芣苢，薄言采之。", B) == [-1, -1]


def test_a_poem_is_compared_with_every_earlier_one_not_only_with_those_that_had_its_lines_first() -> None:
    a, b, c = cut(A)[:4], cut(B)[:4], "松下问童子，言师采药去，只在此山中，云深不知处".split("，")
    mixed = [a[0], b[0], c[0], "一去不复返"]  # half of it new, half of it from two poems
    poems = [a, b, c, mixed, [*mixed[:3], "黄河远上白云间"[:5]]]
    assert near(*("，".join(poem) + "。" for poem in poems)) == [-1, -1, -1, -1, 3]


LINES = ["春", "夏秋", "冬风花", "雪月山水", "东西南北中"]


@given(st.lists(st.lists(st.sampled_from(LINES), min_size=1, max_size=5), max_size=30), st.integers(1, 40))
def test_near_duplicates_are_those_of_a_plain_search(poems: list[list[str]], at_once: int) -> None:
    def nearly_repeats(poem: list[str], other: list[str]) -> bool:
        return sum(len(line) for line in poem if line in other) >= module.NEAR * sum(map(len, poem))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_AT_ONCE", at_once)
        holders = near(*("，".join(poem) + "。" for poem in poems))
    for number, (poem, holder) in enumerate(zip(poems, holders, strict=True)):
        stay = [place for place in range(number) if holders[place] < 0]
        repeated = [place for place in stay if nearly_repeats(poem, poems[place])]
        assert holder in repeated if repeated else holder == -1


def test_a_line_that_a_hundred_thousand_poems_share_costs_neither_time_nor_memory() -> None:
    draw = random.Random(3)
    fresh = ["".join(draw.choices("春夏秋冬风花雪月山水云雨东西南北", k=6)) for _ in range(100_000)]
    bodies = [f"年年岁岁花相似，{line}。岁岁年年人不同。" for line in fresh]
    hashed = hash_clauses(bodies)
    tracemalloc.start()
    began = time.process_time()
    near_duplicates(hashed, len(bodies))
    seconds = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 5 and peak < 500 << 20, "all pairs would be five thousand million"


def test_a_corpus_that_goes_on_repeating_itself_is_compared_in_bounded_memory() -> None:
    draw = random.Random(1)
    lines = ["".join(draw.choices("春夏秋冬风花雪月山水云雨", k=5)) for _ in range(24)]
    bodies = ["，".join(draw.sample(lines, 4)) + "。" for _ in range(4000)]
    hashed = hash_clauses(bodies)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_AT_ONCE", 1 << 16)
        tracemalloc.start()
        assert (near_duplicates(hashed, len(bodies)) >= 0).mean() > 0.9
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 40 << 20


def test_no_poems_have_no_duplicates() -> None:
    assert duplicates() == near() == kin() == []


# Families and the split ------------------------------------------------------------------------------------------


def test_poems_that_share_a_line_are_kin_and_kin_of_kin_too() -> None:
    c = with_lines(B, A, 1)
    other = "松下问童子，言师采药去。只在此山中，云深不知处。"
    chained = "只在此山中，一去不复返。" + "黄河远上白云间。"
    assert kin(A, other, B, c, chained) == [0, 1, 0, 0, 1]


def test_stock_phrases_make_no_kin() -> None:
    assert kin("人生如梦，白日依山尽。", "人生如梦，床前明月光。") == [0, 1]


def test_families_are_those_of_a_plain_search() -> None:
    draw = random.Random(5)
    lines = ["".join(draw.choices("春夏秋冬风花雪月", k=5)) for _ in range(150)]
    bodies = ["，".join(draw.choices(lines, k=2)) + "。" for _ in range(100)]
    family, before = list(range(100)), []
    while family != before:  # the least number spreads along shared lines until nothing moves
        before = list(family)
        for i, j in combinations(range(100), 2):
            if set(cut(bodies[i])) & set(cut(bodies[j])):
                family[i] = family[j] = min(family[i], family[j])
    families = kin(*bodies)
    assert families == family and len(set(families)) > 5


def many(count: int) -> list[str]:
    draw = random.Random(7)
    lines = ["".join(draw.choices("春夏秋冬风花雪月山水云雨", k=5)) for _ in range(2 * count)]
    bodies = [f"{first}，{second}。" for first, second in pairwise(lines)]
    return [body for number, body in enumerate(bodies) if number % 3]  # chains of two that share a line


def test_the_split_keeps_families_together_and_has_its_share() -> None:
    bodies = many(3000)
    hashed = hash_clauses(bodies)
    keys, family = poem_keys(hashed, len(bodies)), kinships(hashed, len(bodies))
    valid = choose_valid(keys, family, 0.1)
    assert abs(valid.mean() - 0.1) < 0.015
    assert leaks(hashed, valid).shared == 0
    assert leaks(hashed, np.arange(len(bodies)) % 2 == 0).shared > 100, "the check would see a leak"
    assert not choose_valid(keys, family, 0.0).any()
    assert (choose_valid(keys, family, 0.1) <= choose_valid(keys, family, 0.2)).all()


def test_leaks_are_counted_by_line_on_the_side_of_validation() -> None:
    hashed = hash_clauses([A, B, with_lines(B, A, 1), "人生如梦，"])
    found = leaks(hashed, np.array([False, False, True, False]))
    assert (found.shared, found.lines, found.share.tolist()) == (4, 4, [0, 0, 1, 0])
    assert leaks(hashed, np.array([True, False, False, False])).shared == 1
    phrases = hash_clauses(["人生如梦，", "人生如梦，"])
    side = np.array([True, False])
    assert (leaks(phrases, side).shared, leaks(phrases, side, least=1).shared) == (0, 1)


def test_a_great_family_goes_to_training() -> None:
    keys = np.arange(100, dtype=np.uint64)
    for seed in range(20):
        family = np.concatenate([np.full(50, 0), np.arange(50, 100)])
        assert not choose_valid(keys + np.uint64(seed), family, 0.5)[:50].any()
