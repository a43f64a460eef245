"""The ledger: one live row for a request, each step written, nothing lost by a crash."""

from __future__ import annotations

import threading

import pytest
from apixo_wan_animate.utils.errors import InputError, LedgerError
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import (
    LEDGER_FILE,
    Ledger,
    RowGoneError,
    TaskTakenError,
)
from apixo_wan_animate.utils.ledger.rows import NewTask
from apixo_wan_animate.utils.ledger.states import State

from .rows_made import ORIGIN, accepted, new, unknown


def test_the_same_request_gets_the_row_that_is_there(ledger, other):
    first, made = ledger.admit(new())
    second, made_again = other.admit(new())
    assert (made, made_again) == (True, False)
    assert second.id == first.id


def test_twenty_threads_with_one_request_make_one_row(tmp_path, clock):
    database = Database(tmp_path / LEDGER_FILE)
    made = []
    gate = threading.Barrier(20)

    def admit():
        ledger = Ledger(database, clock, owner="c" * 32)
        gate.wait()
        made.append(ledger.admit(new()))

    threads = [threading.Thread(target=admit) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    assert len({row.id for row, _ in made}) == 1
    assert sum(first for _, first in made) == 1


def test_the_database_itself_refuses_a_second_live_row(ledger, database):
    ledger.admit(new())
    with pytest.raises(LedgerError), database.write() as db:
        db.execute(
            "INSERT INTO tasks (revision, state, origin, practice, fingerprint, tag, created_at) "
            "VALUES (9, 'preparing', 'x', 0, 'f1', 't', 0)"
        )


def test_a_refused_request_may_be_asked_for_anew(ledger):
    row, _ = ledger.admit(new())
    ledger.step(row.id, State.REFUSED)
    _, made = ledger.admit(new())
    assert made


def test_a_step_that_the_table_lacks_is_refused(ledger):
    row, _ = ledger.admit(new())
    with pytest.raises(LedgerError, match="cannot become collected"):
        ledger.step(row.id, State.COLLECTED)


def test_only_the_owner_moves_a_row(ledger, other):
    row, _ = ledger.admit(new())
    with pytest.raises(RowGoneError):
        other.sending(row.id, daily_limit_s=None)


def test_two_rows_cannot_have_the_same_task(ledger):
    accepted(ledger, "f1", "t-1")
    row, _ = ledger.admit(new("f2"))
    ledger.sending(row.id, daily_limit_s=None)
    with pytest.raises(TaskTakenError, match="row 1 has already"):
        ledger.submitted(row.id, "t-1")


def test_a_row_that_was_typed_in_gives_way_to_the_one_that_bought_the_task(ledger):
    typed, _ = ledger.admit_typed(NewTask(ORIGIN, practice=False), "t-1")
    bought = accepted(ledger, "f1", "t-1")
    assert [row.id for row in ledger.rows()] == [bought.id]
    assert typed.id != bought.id


def test_a_cancelled_row_vanishes_only_while_it_is_preparing(ledger):
    row, _ = ledger.admit(new())
    assert ledger.vanish(row.id)
    kept = accepted(ledger)
    assert not ledger.vanish(kept.id)


def test_rows_of_a_dead_process_are_settled_by_what_it_was_doing(ledger, other):
    preparing, _ = ledger.admit(new("f1"))
    sending, _ = ledger.admit(new("f2"))
    ledger.sending(sending.id, daily_limit_s=None)
    running = accepted(ledger, "f3", "t-3")
    ledger.step(running.id, State.RUNNING)
    heirs = other.inherit(ledger.owner)
    assert other.row(preparing.id) is None
    assert other.row(sending.id).state is State.UNKNOWN
    assert [row.id for row in heirs] == [running.id]
    assert other.row(running.id).owner == other.owner


def test_practice_tasks_of_a_dead_process_have_failed(ledger, other):
    sending, _ = ledger.admit(new("f2", practice=True))
    ledger.sending(sending.id, daily_limit_s=None)
    waiting = accepted(ledger, "f3", "practice-3", practice=True)
    assert other.inherit(ledger.owner) == []
    assert {other.row(r.id).state for r in (sending, waiting)} == {State.FAILED}


@pytest.mark.parametrize("state", [State.PREPARING, State.SUBMITTED])
def test_a_candidate_is_only_noted_where_the_task_id_is_still_open(ledger, state):
    row, _ = ledger.admit(new())
    if state is State.SUBMITTED:
        ledger.sending(row.id, daily_limit_s=None)
        ledger.submitted(row.id, "t-1")
    assert ledger.suggest(row.id, "t-2").candidate == ""


# Settling by hand


def test_an_adopted_row_is_followed_as_if_it_had_been_answered(ledger):
    row = unknown(ledger)
    bound = ledger.bind(row.id, "t-9", note="")
    assert (bound.state, bound.task_id, bound.owner) == (State.SUBMITTED, "t-9", ledger.owner)


def test_a_row_cannot_adopt_the_task_of_another_request(ledger):
    accepted(ledger, "f1", "t-1")
    row = unknown(ledger, "f2")
    with pytest.raises(InputError, match="belongs to row"):
        ledger.bind(row.id, "t-1", note="")


def test_adopting_a_task_that_was_collected_by_its_id_merges_the_two_rows(ledger):
    row = unknown(ledger, "f1", prompt="a cat")
    typed, _ = ledger.admit_typed(NewTask(ORIGIN, practice=False), "t-1")
    bound = ledger.bind(row.id, "t-1", note="")
    assert bound.id == typed.id
    assert (bound.fingerprint, bound.prompt) == ("f1", "a cat")
    assert ledger.row(row.id) is None


def test_a_late_callback_on_an_abandoned_row_does_not_disturb_the_new_one(ledger):
    old = unknown(ledger)
    ledger.abandon(old.id)
    fresh = accepted(ledger, task_id="t-2")
    bound = ledger.bind(old.id, "t-1", note="")
    assert (bound.state, bound.fingerprint) == (State.SUBMITTED, "")
    assert ledger.live("f1").id == fresh.id


@pytest.mark.parametrize("state", ["preparing", "submitted", "collected"])
def test_only_an_unknown_row_can_be_abandoned(ledger, state):
    row, _ = ledger.admit(new())
    if state != "preparing":
        ledger.sending(row.id, daily_limit_s=None)
        ledger.submitted(row.id, "t-1")
    if state == "collected":
        ledger.step(row.id, State.SUCCEEDED)
        ledger.step(row.id, State.COLLECTED)
    with pytest.raises(InputError, match=state):
        ledger.abandon(row.id)


def test_an_unknown_row_is_not_forgotten_by_mistake(ledger):
    row = unknown(ledger)
    with pytest.raises(InputError, match="twice"):
        ledger.forget(row.id)


def test_a_task_under_way_is_not_forgotten_by_mistake(ledger):
    row = accepted(ledger)
    with pytest.raises(InputError, match="paid for"):
        ledger.forget(row.id)


# The daily limit
