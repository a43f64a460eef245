"""A ledger damaged while tasks run: neither task nor money is lost, and the user is told."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from apixo_wan_animate.utils.errors import LedgerError
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE
from apixo_wan_animate.utils.ledger.states import State
from broken_ledger import LEAF_OF_INDEX, LEAF_OF_TABLE, PAGE, overwrite, pages_with
from clocks import HandClock
from patience import until

from .test_cancel import Gate
from .world import outcome, picture, request

PACK = Path(__file__).resolve().parents[2]
OPEN_FILES_MAY_GO = pytest.mark.skipif(
    os.name == "nt", reason="an open file can be neither deleted nor replaced there"
)


def damage_under_way(world) -> None:
    """What a failing disk does under a running ComfyUI: pages change, and nobody is told."""
    path = world.folders().state / LEDGER_FILE
    with sqlite3.connect(path) as db:  # out of the log, into the file
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    for at in pages_with(path, b"http", LEAF_OF_TABLE):
        overwrite(path, at, b"\0" * PAGE)
    db = sqlite3.connect(path)
    db.execute("UPDATE counter SET value = value + 1")  # whoever reads next reads the file
    db.commit()
    db.close()


def test_a_ledger_that_is_damaged_while_a_task_runs_loses_neither_task_nor_money(world):
    service = world.service()
    first = outcome(service.start(request(1)))
    gate = Gate()
    world.plan.add("status", gate, times=1)
    watch = service.start(request(2))
    assert gate.reached.wait(90)
    damage_under_way(world)
    gate.open()
    assert outcome(watch).row.state is State.COLLECTED
    told, again = set(), []

    def goes_on() -> bool:
        try:
            again.append(outcome(service.start(request(1))))
        except LedgerError as error:
            told.add(str(error))
        return bool(again)

    until(goes_on)
    assert len([text for text in told if "kept as" in text]) == 1
    assert again[0].row.task_id == first.row.task_id
    assert (world.submits, world.accepted) == (2, 2)
    assert len(list(world.folders().state.glob("ledger.damaged-*.sqlite3"))) == 1


@OPEN_FILES_MAY_GO
def test_a_second_comfyui_goes_over_to_the_mended_file_with_its_tasks(world):
    gate = Gate()
    world.plan.add("submit", gate, times=1)
    one = world.service()
    watch = one.start(request(1))
    assert gate.reached.wait(90)
    path = world.folders().state / LEDGER_FILE
    damage_under_way(world)
    Database(path).close()  # another process mends it
    gate.open()
    assert outcome(watch).row.state is State.COLLECTED
    assert world.only_row().task_id
    assert (world.submits, world.accepted) == (1, 1)


@OPEN_FILES_MAY_GO
def test_a_ledger_that_is_deleted_while_a_task_runs_keeps_that_task(world):
    gate = Gate()
    world.plan.add("submit", gate, times=1)
    service = world.service()
    watch = service.start(request(1))
    assert gate.reached.wait(90)
    for file in world.folders().state.glob(f"{LEDGER_FILE}*"):
        file.unlink()
    gate.open()
    assert outcome(watch).row.state is State.COLLECTED
    assert world.only_row().task_id
    assert world.accepted == 1


def test_an_id_that_arrives_for_a_row_that_was_forgotten_is_collected(world):
    gate = Gate()
    world.plan.add("submit", gate, times=1)
    service = world.service()
    service.start(request(1))
    assert gate.reached.wait(90)
    service.forget(world.only_row().id, force=True)
    gate.open()
    assert world.wait_for(State.COLLECTED).task_id
    assert world.accepted == 1


# The user is told


def test_all_of_a_list_are_told_before_anything_is_bought(world):
    one = world.service()
    outcome(one.start(request(1)))
    one.stop()
    path = world.folders().state / LEDGER_FILE
    path.write_bytes(b"")
    # It looks at the ledger before any node does; how long a list may take is its clock's affair.
    service = world.service(clock=HandClock())
    until(lambda: path.stat().st_size > 0)
    submits = world.submits
    watches = [service.start(request(n, character=picture(n))) for n in range(2, 6)]
    for watch in watches:
        with pytest.raises(LedgerError, match="kept as"):
            outcome(watch)
    assert world.submits == submits


def test_the_command_tells_it_once_and_then_works(world):
    one = world.service()
    outcome(one.start(request(1)))
    one.stop()
    path = world.folders().state / LEDGER_FILE
    for at in pages_with(path, b"practice-", LEAF_OF_INDEX):
        overwrite(path, at, b"\0" * PAGE)
    command = [sys.executable, "-I", str(PACK / "cli.py"), "--json"]
    folders = ["--user-directory", str(world.folder / "user")]
    folders += ["--output-directory", str(world.folders().output)]
    ran = [
        subprocess.run(
            [*command, *folders, "tasks", "list"], capture_output=True, text=True, timeout=60
        )
        for _ in range(2)
    ]
    assert [r.returncode for r in ran] == [1, 0]
    assert "kept as" in ran[0].stderr
    assert "Traceback" not in ran[0].stderr
    assert json.loads(ran[1].stdout)[0]["state"] == "collected"
