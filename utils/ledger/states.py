"""The states of a task, and every legal step between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class State(Enum):
    """Where a task stands; docs/design.md, "States"."""

    PREPARING = "preparing"
    SENDING = "sending"
    SUBMITTED = "submitted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    COLLECTED = "collected"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"


_S = State

STEPS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        # A row that is still preparing may also vanish: nothing was sent.
        _S.PREPARING: frozenset({_S.SENDING, _S.REFUSED}),
        # Back to preparing: refused outright (429), or the connection was never made.
        # Failed: the practice service ended with its process, and its tasks with it.
        _S.SENDING: frozenset({_S.SUBMITTED, _S.PREPARING, _S.REFUSED, _S.UNKNOWN, _S.FAILED}),
        _S.SUBMITTED: frozenset({_S.RUNNING, _S.SUCCEEDED, _S.FAILED}),
        _S.RUNNING: frozenset({_S.SUCCEEDED, _S.FAILED}),
        _S.SUCCEEDED: frozenset({_S.COLLECTED, _S.FAILED}),
        _S.COLLECTED: frozenset(),
        _S.REFUSED: frozenset(),
        _S.FAILED: frozenset(),
        # Adopted by the user, or bound by a callback; or declared not sent.
        # Failed: a practice task whose service has ended, so that nobody can tell any more.
        _S.UNKNOWN: frozenset({_S.SUBMITTED, _S.ABANDONED, _S.FAILED}),
        # A late callback, or the user found the task after all.
        _S.ABANDONED: frozenset({_S.SUBMITTED}),
    }
)

LIVE = frozenset(
    {
        _S.PREPARING,
        _S.SENDING,
        _S.SUBMITTED,
        _S.RUNNING,
        _S.SUCCEEDED,
        _S.COLLECTED,
        _S.UNKNOWN,
    }
)
"""States in which the same request must not be submitted anew."""

UNFINISHED = frozenset({_S.PREPARING, _S.SENDING, _S.SUBMITTED, _S.RUNNING, _S.SUCCEEDED})
"""States in which some process has work to do."""

ACCEPTED = frozenset({_S.SUBMITTED, _S.RUNNING, _S.SUCCEEDED})
"""Unfinished states of a task that the service has accepted: paid for, to be collected."""

SPENT = frozenset(
    {_S.SENDING, _S.SUBMITTED, _S.RUNNING, _S.SUCCEEDED, _S.COLLECTED, _S.FAILED, _S.UNKNOWN}
)
"""States whose billable seconds count; whether a failed task is charged is not known."""


def is_legal(before: State, after: State) -> bool:
    """Whether the table has the step."""
    return after in STEPS[before]
