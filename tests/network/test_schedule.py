"""The learning-rate schedule."""

import math

import pytest

from poetgen.network.schedule import JUMP, LEAST_FALL, PLATEAU, WARMUP_SHARE, LearningRateSchedule

RATES = (0.003, 0.001, 0.0007, 0.0003, 0.0001)


def falling(schedule: LearningRateSchedule, count: int, start: float = 9.0) -> list[str | None]:
    return [schedule.observe(start - 0.1 * turn) for turn in range(count)]


def test_a_falling_loss_keeps_its_rate() -> None:
    schedule = LearningRateSchedule(RATES)
    assert falling(schedule, 50) == [None] * 50
    assert schedule.rate(10**6) == 0.003


def test_a_jump_steps_down_at_once() -> None:
    schedule = LearningRateSchedule(RATES)
    falling(schedule, 3)
    assert schedule.observe(schedule.best + JUMP / 2) is None, "a small rise is no jump"
    assert schedule.observe(schedule.best + 2 * JUMP) == "jump"
    assert schedule.rate(10**6) == 0.001
    assert schedule.observe(schedule.best + 2 * JUMP) == "jump", "and again, if it does not help"
    assert schedule.rate(10**6) == 0.0007


def test_a_loss_that_stands_still_steps_down() -> None:
    schedule = LearningRateSchedule(RATES)
    falling(schedule, 3)
    verdicts = [schedule.observe(schedule.best - LEAST_FALL / 2) for _ in range(PLATEAU)]
    assert verdicts == [None] * (PLATEAU - 1) + ["plateau"]
    assert schedule.rate(10**6) == 0.001
    assert schedule.observe(schedule.best) is None, "the count starts anew at the new rate"


def test_a_fall_in_between_starts_the_count_anew() -> None:
    schedule = LearningRateSchedule(RATES)
    schedule.observe(5.0)
    for loss in (5.0, 4.9, 4.9, 4.8, 4.8, 4.7):
        assert schedule.observe(loss) is None


def test_patience_ends_the_run_at_the_last_rate_only() -> None:
    schedule = LearningRateSchedule(RATES, patience=3)
    schedule.observe(5.0)
    verdicts = []
    while not verdicts or verdicts[-1] != "stop":
        verdicts.append(schedule.observe(5.0))
    assert verdicts == [None, "plateau"] * 4 + [None, None, "stop"]
    assert schedule.level == 4


def test_a_fall_at_the_last_rate_gives_new_patience() -> None:
    schedule = LearningRateSchedule((0.1,), patience=2)
    assert [schedule.observe(loss) for loss in (5, 5, 4, 4, 4)] == [None, None, None, None, "stop"]


def test_a_loss_that_is_no_number_counts_as_no_fall() -> None:
    schedule = LearningRateSchedule(RATES)
    schedule.observe(5.0)
    assert [schedule.observe(math.nan), schedule.observe(math.nan)] == [None, "plateau"]
    assert schedule.best == 5.0
    assert schedule.observe(math.inf) == "jump"


def test_the_budget_steps_down_at_set_shares() -> None:
    schedule = LearningRateSchedule(RATES)
    changes = []
    for percent in range(101):
        if schedule.keep_pace(percent / 100):
            changes.append((percent, schedule.level))
    assert changes == [(20, 1), (40, 2), (60, 3), (80, 4)]


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_run_always_ends_at_the_last_rate(count: int) -> None:
    schedule = LearningRateSchedule(tuple(1 / (level + 1) for level in range(count)))
    assert schedule.keep_pace(1.0) == (count > 1)
    assert schedule.level == count - 1
    assert not schedule.keep_pace(1.0)


def test_who_went_down_early_is_not_sent_down_again_by_the_budget() -> None:
    schedule = LearningRateSchedule(RATES)
    schedule.observe(5.0)
    schedule.observe(6.0)
    assert schedule.level == 1
    assert not schedule.keep_pace(0.39)
    assert schedule.keep_pace(0.4) and schedule.level == 2


def test_the_rate_rises_to_the_first_in_a_line() -> None:
    schedule = LearningRateSchedule(RATES, warmup=4)
    assert [schedule.rate(step) for step in range(6)] == pytest.approx([0.00075, 0.0015, 0.00225, 0.003, 0.003, 0.003])
    assert LearningRateSchedule(RATES, warmup=0).rate(0) == 0.003


def test_a_short_run_does_not_spend_itself_on_warming_up() -> None:
    schedule = LearningRateSchedule(RATES, warmup=1000)
    assert schedule.rate(0, share=WARMUP_SHARE / 2) == pytest.approx(0.0015)
    assert schedule.rate(5, share=WARMUP_SHARE) == schedule.rate(5, share=0.4) == 0.003


def test_a_network_that_learns_by_heart_is_stopped_at_any_rate() -> None:
    schedule = LearningRateSchedule(tuple(0.003 for _ in range(10)), patience=3)
    assert schedule.observe(5.0) is None
    assert [schedule.observe(loss) for loss in (5.4, 5.6, 5.2, 5.4, 5.5)] == ["jump"] * 5, "it has come near again"
    assert schedule.observe(5.6) == "stop" and schedule.level < 9
