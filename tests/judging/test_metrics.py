"""Figures of poems as text, against poems counted by hand."""

import math

import numpy as np
import pytest

from poetgen.judging import bootstrap, metrics
from poetgen.judging.definitions import DEFINITIONS

TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
NIGHT = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


def regularity(poems: list[str], form: str) -> dict[str, float]:
    found = metrics.of_form(poems, form)
    return {name: found[name].value for name in ("form", "rhyme", "meter")}


def test_regularity_counts_poems() -> None:
    short = TOWER.replace("更上一层楼", "更上层楼")
    assert regularity([TOWER], "五绝") == {"form": 1, "rhyme": 1, "meter": 1}
    # 静夜思 rhymes and has no meter; a line that lacks a character breaks form and meter, and its foot still rhymes.
    assert regularity([TOWER, TOWER, NIGHT, short], "五绝") == {"form": 0.75, "rhyme": 1, "meter": 0.5}
    assert regularity([TOWER], "七绝")["form"] == 0


@pytest.mark.parametrize(("length", "share"), [(1, 17 / 20), (2, 15 / 16), (5, 1.0), (6, 1.0)])
def test_distinct_counts_runs_within_lines(length: int, share: float) -> None:
    # 明, 月 and 头 come twice among the 20 characters of 静夜思, and 明月 among its 16 words.
    assert metrics.distinct([NIGHT], length) == pytest.approx(share)


def test_no_run_goes_over_a_hole() -> None:
    assert metrics.distinct(["春□江，春□江。"], 2) == 1.0, "there is no pair of characters"
    assert not metrics.repeats_itself("春□江水，春□江月。")


def test_the_interval_of_a_share_ends_at_one() -> None:
    poems = [f"{TOWER[:5]}{chr(0x4E00 + number)}。" for number in range(3)] + [NIGHT]
    found = metrics.variety([*(chr(0x5E00 + number) * 2 + poem for number, poem in enumerate(poems))], 2)
    assert 0 <= found.low <= found.value <= found.high == 1


def test_distinct_takes_poems_together() -> None:
    assert metrics.distinct([TOWER, TOWER], 2) == 0.5
    assert metrics.distinct([TOWER, NIGHT], 2) == pytest.approx(31 / 32)


@pytest.mark.parametrize(
    ("poem", "answer"),
    [
        (TOWER, False),
        (NIGHT, True),  # 明月
        ("萧萧班马鸣，萧萧落木声。", False),  # reduplication is no repetition
        ("争渡，争渡，惊起一滩鸥鹭。", True),  # a line
        ("春江水，江春月。", False),
        ("", False),
    ],
)
def test_repeats(poem: str, answer: bool) -> None:
    assert metrics.repeats_itself(poem) is answer


# Intervals -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 200 samples from a known distribution, about 190 intervals hold what it is known to give."""
    rng = np.random.default_rng(7)
    shares = nats = 0
    for trial in range(200):
        estimate = bootstrap.share(rng.random(100) < 0.3, seed=trial)
        shares += estimate.low <= 0.3 <= estimate.high
        # Poems of different lengths whose characters cost 2 nats on average: a ratio of sums, and its exponential.
        lengths = rng.integers(20, 60, size=100)
        costs = lengths * 2 + rng.normal(size=100) * 8
        estimate = bootstrap.ratio(costs, lengths, trial, math.exp)
        nats += estimate.low <= math.exp(2) <= estimate.high
    assert 178 <= shares <= 199 and 178 <= nats <= 199


def test_more_poems_narrow_an_interval() -> None:
    widths = []
    for count in (100, 10_000):
        estimate = bootstrap.share(np.arange(count) % 2)
        assert estimate.value == 0.5 and estimate.poems == count
        widths.append(estimate.high - estimate.low)
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.2)


def test_what_all_poems_have_is_not_certain() -> None:
    """Of samples of 50 from a share of 0.96, many are without exception, and their intervals still hold it."""
    rng = np.random.default_rng(5)
    full = 0
    for trial in range(200):
        sample = rng.random(50) < 0.96
        if sample.all():
            full += 1
            estimate = bootstrap.share(sample, seed=trial)
            assert estimate.value == estimate.high == 1 and 0.9 < estimate.low < 0.96
    assert full > 10
    none = bootstrap.share([0] * 1000)
    assert none.value == none.low == 0 and none.high == pytest.approx(0.0037, abs=0.0001)


def test_one_poem_is_not_certain() -> None:
    for estimate in (bootstrap.ratio([81.9]), bootstrap.quantile([3], 0.5), metrics.variety([TOWER], 2)):
        assert estimate.poems == 1 and math.isnan(estimate.low) and math.isnan(estimate.high)
    one = bootstrap.share([1])
    assert (one.value, one.low, one.high) == (1, pytest.approx(0.025), 1), "a share is, at least, not nought"


def test_a_mean_of_ones_is_no_share() -> None:
    """It tells nothing of poems that would have half of it."""
    assert bootstrap.ratio([1.0] * 30)[:3] == (1, 1, 1)
    assert metrics.of_form([TOWER] * 30, "五绝")["distinct-2 in a poem"][:3] == (1, 1, 1)


def test_quantiles_have_intervals() -> None:
    estimate = bootstrap.quantile(np.arange(101), 0.5)
    assert estimate.value == 50 and 35 < estimate.low < 50 < estimate.high < 65
    assert math.isnan(bootstrap.quantile([], 0.5).value) and math.isnan(bootstrap.ratio([], []).value)


@pytest.mark.slow
def test_the_interval_of_variety_holds_what_other_poems_would_give() -> None:
    """Drawn from the same hundred characters, other poems have another variety, which the interval foretells."""
    rng = np.random.default_rng(1)
    chars = [chr(0x4E00 + number) for number in range(100)]

    def poems() -> list[str]:
        return ["".join(rng.choice(chars, 5)) + "，" for _ in range(100)]

    held = 0
    truth = np.mean([metrics.distinct(poems(), 2) for _ in range(100)])
    for _ in range(100):
        estimate = metrics.variety(poems(), 2)
        held += estimate.low <= truth <= estimate.high
    assert 85 <= held <= 100
    assert math.isnan(metrics.variety([TOWER], 2).low)


def test_every_figure_of_the_benchmark_is_defined() -> None:
    names = {"ppl_char", "ppl_all", "bpc", "form", "rhyme", "meter", "distinct-1", "distinct-2", "novelty", "repeats"}
    assert names <= set(DEFINITIONS)
