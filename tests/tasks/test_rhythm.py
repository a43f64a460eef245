"""How often a task is asked about."""

from __future__ import annotations

import pytest
from apixo_wan_animate.utils.tasks.rhythm import Rhythm, is_traceless

HOUR_S = 3600.0
DAY_S = 86_400.0


def delays(count: int, *, age_s: float = 0.0, slower: bool = False) -> list[float]:
    rhythm = Rhythm(slower=slower)
    return [rhythm.next_s(age_s) for _ in range(count)]


def test_the_first_question_comes_after_three_seconds():
    assert delays(1)[0] == pytest.approx(3, rel=0.11)


def test_the_delay_grows_to_fifteen_seconds_and_no_further():
    assert delays(12)[-1] == pytest.approx(15, rel=0.11)


def test_a_task_of_hours_is_asked_about_every_ten_minutes():
    assert delays(30, age_s=2 * HOUR_S)[-1] == pytest.approx(600, rel=0.11)


def test_the_delays_of_many_tasks_are_spread():
    firsts = {delays(1)[0] for _ in range(50)}
    assert max(firsts) - min(firsts) > 0.2


def test_where_a_callback_will_tell_it_is_asked_four_times_as_seldom():
    assert delays(12, slower=True)[-1] == pytest.approx(60, rel=0.11)


@pytest.mark.parametrize(
    ("missing_s", "age_s", "given_up"),
    [
        (59.0, 59.0, False),
        (DAY_S - 1, DAY_S + 100, False),
        (DAY_S, DAY_S, True),
        (DAY_S, DAY_S - 1, False),
    ],
)
def test_a_task_without_a_trace_is_given_up_after_a_day(missing_s, age_s, given_up):
    assert is_traceless(missing_s=missing_s, age_s=age_s) is given_up
