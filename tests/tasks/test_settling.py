"""A task that was bought keeps a row, or finds one, whatever is in the way meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from apixo_wan_animate.utils.ledger import database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import instead
from patience import until

from .test_cancel import Gate
from .test_neighbours import called_back, lose_one, with_callback
from .world import request


def refusals(caplog) -> int:
    return sum("locked by another program" in record.getMessage() for record in caplog.records)


def test_a_candidate_is_asked_about_again_after_the_ledger_could_not_be_read(
    world, monkeypatch, caplog
):
    monkeypatch.setattr(database, "_BUSY_S", 0.5)
    with_callback(world)
    path = world.folders().state / LEDGER_FILE
    path.with_name(f"{LEDGER_FILE}-shm").mkdir(parents=True)  # no log: who writes shuts readers out
    service = world.service()
    row, task = lose_one(world, service)
    world.plan.add("status", instead(503))
    assert service.callback(*called_back(task))
    until(lambda: world.plan.left == 0)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as db:
        db.execute("BEGIN EXCLUSIVE")
        before = refusals(caplog)
        until(lambda: refusals(caplog) > before + 3)  # scans met it, and so did the next question
        db.execute("ROLLBACK")
    monkeypatch.setattr(database, "_BUSY_S", 20.0)
    assert world.wait_for(State.COLLECTED, limit_s=30).id == row.id
    assert (world.submits, world.accepted) == (1, 1)


def forgotten_while_sending(world):
    """A service whose submit was out when its row was forgotten, and what was bought by it."""
    service, gate = world.service(), Gate()
    world.plan.add("submit", gate)
    service.start(request())
    assert gate.reached.wait(20)
    lost = world.only_row()
    service.forget(lost.id, force=True)
    gate.open()
    until(lambda: [row.id for row in world.rows() if row.id != lost.id])
    return service, lost


def test_a_task_whose_row_was_forgotten_by_force_outlives_the_first_404s(world):
    world.plan.add("status", instead(404), times=10**6)
    forgotten_while_sending(world)
    until(lambda: world.remote.counts["status"] > 14 or not world.rows())
    row = world.only_row()
    assert row.missing_at is not None
    world.heal()
    assert world.wait_for(State.COLLECTED).id == row.id
    assert (world.submits, world.accepted) == (1, 1)


def test_the_seconds_of_a_task_whose_row_was_forgotten_count_once(world):
    service, lost = forgotten_while_sending(world)
    row = world.wait_for(State.COLLECTED)
    assert (row.billable_s, row.sending_at) == (lost.billable_s, lost.sending_at)
    assert row.key_mark == lost.key_mark != ""
    assert service.spending.seconds(start=0, end=2**40) == lost.billable_s
    service.forget(row.id)
    assert service.spending.seconds(start=0, end=2**40) == lost.billable_s
