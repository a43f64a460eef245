"""Rows as these tests write them."""

from __future__ import annotations

from apixo_wan_animate.utils.ledger.ledger import Ledger
from apixo_wan_animate.utils.ledger.rows import NewTask, TaskRow
from apixo_wan_animate.utils.ledger.states import State

ORIGIN = "https://api.example.test"


def new(fingerprint: str = "f1", **changes) -> NewTask:
    values = {"origin": ORIGIN, "practice": False, "fingerprint": fingerprint, "billable_s": 7}
    return NewTask(**{**values, **changes})


def accepted(ledger: Ledger, fingerprint: str = "f1", task_id: str = "t-1", **changes) -> TaskRow:
    row, _ = ledger.admit(new(fingerprint, **changes))
    ledger.sending(row.id, daily_limit_s=None)
    return ledger.submitted(row.id, task_id)


def unknown(ledger: Ledger, fingerprint: str = "f1", **changes) -> TaskRow:
    row, _ = ledger.admit(new(fingerprint, **changes))
    ledger.sending(row.id, daily_limit_s=None)
    return ledger.step(row.id, State.UNKNOWN)
