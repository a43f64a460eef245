"""A row that lacks its task id gets it in the end, whatever is in the way meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from apixo_wan_animate.utils.ledger import database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import instead
from patience import until

from .test_neighbours import called_back, lose_one, with_callback


def refusals(caplog) -> int:
    return sum("held by another program" in record.getMessage() for record in caplog.records)


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
