"""The learning-rate ladder."""

import math

import pytest

from poetgen.network.schedule import JUMP, LEAST_FALL, PLATEAU, WARMUP_SHARE, Ladder

RATES = (0.003, 0.001, 0.0007, 0.0003, 0.0001)


def falling(ladder: Ladder, count: int, start: float = 9.0) -> list[str | None]:
    return [ladder.observe(start - 0.1 * turn) for turn in range(count)]


def test_a_falling_loss_keeps_its_rung() -> None:
    ladder = Ladder(RATES)
    assert falling(ladder, 50) == [None] * 50
    assert ladder.rate(10**6) == 0.003


def test_a_jump_steps_down_at_once() -> None:
    ladder = Ladder(RATES)
    falling(ladder, 3)
    assert ladder.observe(ladder.best + JUMP / 2) is None, "a small rise is no jump"
    assert ladder.observe(ladder.best + 2 * JUMP) == "jump"
    assert ladder.rate(10**6) == 0.001
    assert ladder.observe(ladder.best + 2 * JUMP) == "jump", "and again, if it does not help"
    assert ladder.rate(10**6) == 0.0007


def test_a_loss_that_stands_still_steps_down() -> None:
    ladder = Ladder(RATES)
    falling(ladder, 3)
    verdicts = [ladder.observe(ladder.best - LEAST_FALL / 2) for _ in range(PLATEAU)]
    assert verdicts == [None] * (PLATEAU - 1) + ["plateau"]
    assert ladder.rate(10**6) == 0.001
    assert ladder.observe(ladder.best) is None, "the count starts anew on the new rung"


def test_a_fall_in_between_starts_the_count_anew() -> None:
    ladder = Ladder(RATES)
    ladder.observe(5.0)
    for loss in (5.0, 4.9, 4.9, 4.8, 4.8, 4.7):
        assert ladder.observe(loss) is None


def test_patience_ends_the_run_on_the_last_rung_only() -> None:
    ladder = Ladder(RATES, patience=3)
    ladder.observe(5.0)
    verdicts = []
    while not verdicts or verdicts[-1] != "stop":
        verdicts.append(ladder.observe(5.0))
    assert verdicts == [None, "plateau"] * 4 + [None, None, "stop"]
    assert ladder.rung == 4


def test_a_fall_on_the_last_rung_gives_new_patience() -> None:
    ladder = Ladder((0.1,), patience=2)
    assert [ladder.observe(loss) for loss in (5, 5, 4, 4, 4)] == [None, None, None, None, "stop"]


def test_a_loss_that_is_no_number_counts_as_no_fall() -> None:
    ladder = Ladder(RATES)
    ladder.observe(5.0)
    assert [ladder.observe(math.nan), ladder.observe(math.nan)] == [None, "plateau"]
    assert ladder.best == 5.0
    assert ladder.observe(math.inf) == "jump"


def test_the_budget_steps_down_at_set_shares() -> None:
    ladder = Ladder(RATES)
    changes = []
    for percent in range(101):
        if ladder.due(percent / 100):
            changes.append((percent, ladder.rung))
    assert changes == [(20, 1), (40, 2), (60, 3), (80, 4)]


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_run_always_ends_on_the_last_rung(count: int) -> None:
    ladder = Ladder(tuple(1 / (rung + 1) for rung in range(count)))
    assert ladder.due(1.0) == (count > 1)
    assert ladder.rung == count - 1
    assert not ladder.due(1.0)


def test_who_went_down_early_is_not_sent_down_again_by_the_budget() -> None:
    ladder = Ladder(RATES)
    ladder.observe(5.0)
    ladder.observe(6.0)
    assert ladder.rung == 1
    assert not ladder.due(0.39)
    assert ladder.due(0.4) and ladder.rung == 2


def test_the_rate_rises_to_the_rung_in_a_line() -> None:
    ladder = Ladder(RATES, warmup=4)
    assert [ladder.rate(step) for step in range(6)] == pytest.approx([0.00075, 0.0015, 0.00225, 0.003, 0.003, 0.003])
    assert Ladder(RATES, warmup=0).rate(0) == 0.003


def test_a_short_run_does_not_spend_itself_on_warming_up() -> None:
    ladder = Ladder(RATES, warmup=1000)
    assert ladder.rate(0, share=WARMUP_SHARE / 2) == pytest.approx(0.0015)
    assert ladder.rate(5, share=WARMUP_SHARE) == ladder.rate(5, share=0.4) == 0.003
