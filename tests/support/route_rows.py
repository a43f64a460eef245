"""Rows in the ledger that the pack's routes read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.owners import Ownership
from apixo_wan_animate.utils.ledger.rows import NewTask
from apixo_wan_animate.utils.ledger.states import State

_opened: list[tuple[Ledger, Ownership]] = []


def close_ledgers() -> None:
    """Python 3.13 warns of a connection that nobody closes."""
    while _opened:
        ledger, ownership = _opened.pop()
        ledger.close()
        ownership.release()


def ledger_of(tmp_path: Path) -> Ledger:
    """A ledger of another living ComfyUI: the rows of a dead one would be settled at any moment."""
    (tmp_path / "state").mkdir(exist_ok=True)
    ownership = Ownership(tmp_path / "state" / "owners")
    ownership.claim()
    database = Database(tmp_path / "state" / LEDGER_FILE)
    _opened.append((Ledger(database, SystemClock(), owner=ownership.name), ownership))
    return _opened[-1][0]


def add_row(ledger: Ledger, number: int, *, state: State = State.FAILED, **changes):
    new = replace(
        NewTask(origin="https://api.apixo.ai", practice=False, fingerprint=f"f{number}",
                kind="replace", resolution="480p", prompt="p" * 300, billable_s=7),
        **changes,
    )  # fmt: skip
    row, _ = ledger.admit(new)
    if state is State.PREPARING:
        return row
    row = ledger.sending(row.id, daily_limit_s=None)
    if state is State.UNKNOWN:
        return ledger.step(row.id, State.UNKNOWN)
    row = ledger.submitted(row.id, f"task-{number}")
    if state is State.SUBMITTED:
        return row
    return ledger.step(row.id, State.FAILED, fail_code="NSFW", fail_message="No. Change it.")
