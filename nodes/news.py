"""What every open page is told of the tasks, as it happens."""

from __future__ import annotations

from ..utils.ledger.rows import TaskRow
from ..utils.ledger.states import State
from . import _host as host

_TOLD = frozenset({State.COLLECTED, State.FAILED, State.UNKNOWN})
"""Ends that a person wants to hear of; a refusal is always a node's own."""


def tell(row: TaskRow, watched: bool) -> None:
    """Say that a row has changed; and how it ended, for those that no node waits for.

    Args:
        row: As it is now.
        watched: Whether a node watches it, which says the rest itself.
    """
    host.send_event("apixo.tasks", {"revision": row.revision})
    if row.state in _TOLD:
        host.send_event(
            "apixo.ended",
            {
                "state": row.state.value,
                "task_id": row.task_id,
                "practice": row.practice,
                "watched": watched,
                "file": row.file,
                "fail_code": row.fail_code,
                "fail_message": row.fail_message,
            },
        )
