"""What was spent and what may still be: seconds by day, and no submit beyond the limit."""

from __future__ import annotations

import contextlib
import threading

import pytest
from apixo_wan_animate.utils.errors import LimitError
from apixo_wan_animate.utils.ledger.ledger import (
    Ledger,
)
from apixo_wan_animate.utils.ledger.rows import NewTask
from apixo_wan_animate.utils.ledger.spending import Spending, local_day
from apixo_wan_animate.utils.ledger.states import State

from .rows_made import accepted, new, unknown


def test_a_submit_beyond_the_daily_limit_is_refused_and_the_row_stays(ledger):
    accepted(ledger, "f1", "t-1")
    row, _ = ledger.admit(new("f2"))
    with pytest.raises(LimitError, match="7 s of your daily limit of 13 s"):
        ledger.sending(row.id, daily_limit_s=13)
    assert ledger.row(row.id).state is State.PREPARING


def test_a_submit_up_to_the_daily_limit_is_allowed(ledger):
    accepted(ledger, "f1", "t-1")
    row, _ = ledger.admit(new("f2"))
    assert ledger.sending(row.id, daily_limit_s=14).state is State.SENDING


def test_unknown_counts_and_refused_does_not(ledger):
    unknown(ledger, "f1")
    refused, _ = ledger.admit(new("f2"))
    ledger.sending(refused.id, daily_limit_s=None)
    ledger.step(refused.id, State.REFUSED)
    row, _ = ledger.admit(new("f3"))
    with pytest.raises(LimitError, match="and 7 s of"):
        ledger.sending(row.id, daily_limit_s=10)


def test_what_was_forgotten_still_counts(ledger):
    row = accepted(ledger)
    ledger.step(row.id, State.FAILED)
    ledger.forget(row.id)
    fresh, _ = ledger.admit(new())
    with pytest.raises(LimitError, match="and 7 s of"):
        ledger.sending(fresh.id, daily_limit_s=10)


@pytest.mark.parametrize("typed_first", [False, True])
@pytest.mark.parametrize("billable_s", [7, None])
def test_what_is_back_after_it_was_forgotten_counts_once(
    ledger, database, clock, typed_first, billable_s
):
    for fingerprint in ("f1", "f2"):
        row, _ = ledger.admit(new(fingerprint, billable_s=billable_s))
        lost = ledger.sending(row.id, daily_limit_s=None, key_mark="k")
        ledger.forget(row.id, force=True)
    spent = Spending(database).seconds(start=0, end=2**40)
    if typed_first:
        ledger.admit_typed(NewTask(lost.origin, lost.practice), "t-1")
    for _ in range(2):
        back = ledger.restore(lost, "t-1")
        assert (back.state, back.task_id) == (State.SUBMITTED, "t-1")
        assert (back.sending_at, back.billable_s, back.key_mark) == (clock.now(), billable_s, "k")
        assert Spending(database).seconds(start=0, end=2**40) == spent


def test_yesterday_does_not_count(ledger, clock):
    accepted(ledger, "f1", "t-1")
    clock.advance(25 * 3600)
    row, _ = ledger.admit(new("f2"))
    assert ledger.sending(row.id, daily_limit_s=7).state is State.SENDING


def test_the_day_ends_at_local_midnight_and_not_a_second_before(ledger, clock):
    _, end = local_day(clock.now())
    clock.advance(end - clock.now() - 1)
    accepted(ledger, "f1", "t-1")
    row, _ = ledger.admit(new("f2"))
    with pytest.raises(LimitError, match="and 7 s of"):
        ledger.sending(row.id, daily_limit_s=13)
    clock.advance(1)
    assert ledger.sending(row.id, daily_limit_s=7).state is State.SENDING


def test_an_adopted_task_counts_on_the_day_of_its_submit(ledger, clock):
    row = unknown(ledger, "f1")
    ledger.bind(row.id, "t-1", note="")
    fresh, _ = ledger.admit(new("f2"))
    with pytest.raises(LimitError, match="and 7 s of"):
        ledger.sending(fresh.id, daily_limit_s=13)
    clock.advance(25 * 3600)
    assert ledger.sending(fresh.id, daily_limit_s=7).state is State.SENDING


def test_practice_neither_counts_nor_is_limited(ledger):
    accepted(ledger, "f1", "practice-1", practice=True)
    accepted(ledger, "f2", "t-2")
    row, _ = ledger.admit(new("f3", practice=True))
    assert ledger.sending(row.id, daily_limit_s=1).state is State.SENDING


def test_a_clip_of_unknown_length_counts_as_the_longest_that_is_billed(ledger):
    row, _ = ledger.admit(new(billable_s=None))
    with pytest.raises(LimitError, match="120 s"):
        ledger.sending(row.id, daily_limit_s=119)


def test_two_submits_at_once_cannot_both_pass_the_limit(database, clock):
    ledgers = [Ledger(database, clock, owner=letter * 32) for letter in "abcdefgh"]
    rows = [ledger.admit(new(f"f{n}"))[0] for n, ledger in enumerate(ledgers)]
    gate = threading.Barrier(8)
    passed = []

    def send(n: int):
        gate.wait()
        with contextlib.suppress(LimitError):
            passed.append(ledgers[n].sending(rows[n].id, daily_limit_s=22))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 3


# Sums


def test_the_seconds_of_a_day_are_told_by_resolution(ledger, database, clock):
    accepted(ledger, "f1", "t-1", resolution="480p", billable_s=7)
    accepted(ledger, "f2", "t-2", resolution="720p", billable_s=11)
    clock.advance(26 * 3600)
    accepted(ledger, "f3", "t-3", resolution="480p", billable_s=13)
    spending = Spending(database)
    start, end = local_day(clock.now())
    assert spending.seconds(start=start, end=end) == 13
    assert [(s.resolution, s.seconds) for s in spending.by_day(start=0, end=end)] == [
        ("480p", 7),
        ("720p", 11),
        ("480p", 13),
    ]


@pytest.mark.parametrize(("finished", "known"), [(4, False), (5, True)])
def test_the_usual_time_is_told_from_five_finished_tasks_on(
    ledger, database, clock, finished, known
):
    for n in range(finished):
        row = accepted(ledger, f"f{n}", f"t-{n}", kind="replace", resolution="480p")
        clock.advance(40 + n)
        ledger.step(row.id, State.SUCCEEDED)
        ledger.step(row.id, State.COLLECTED)
    usual = Spending(database).usual_s("replace", resolution="480p", billable_s=7)
    assert (usual is not None) is known
    if usual:
        assert 40 <= usual[0] <= usual[1] <= 45


# The file
