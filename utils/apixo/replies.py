"""What the service answers, read with everything that was met in the wild.

Source: docs/service.md, "Answers" and "Callback", read 2026-11-23.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from ..errors import ProtocolError, RejectedError, ServiceError
from ..settings import Secret
from ..transport import Reply
from .envelope import (
    as_object,
    data_of,
    excerpt,
    is_own_word,
    not_documented,
    one_line,
    reason_of,
    repeats,
    shown,
    text,
    unwrapped,
    whole,
)
from .links import result_links
from .task_ids import id_in, named_task_id

_LONGEST_ID = 200
_LONGEST_WORD = 80
_LONGEST_FAILURE = 600
_MOST_DOLLARS = Decimal(10) ** 12


class Phase(Enum):
    """Where a task stands, in words of ours."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_PHASES = {
    "pending": Phase.WAITING,
    "processing": Phase.RUNNING,
    "processing_r2": Phase.RUNNING,
    "success": Phase.SUCCEEDED,
    "failed": Phase.FAILED,
}
_NO_SUCCESS = re.compile(r"ing(?![a-z])|pending|process|progress|queue|fail|error|cancel")
"""An unknown state with such a word in it, as `rendering` or `processing_r3`, is no success: what
links lead to then may be half of the result."""


@dataclass(frozen=True)
class Failure:
    """Why a task failed, in the service's words.

    Attributes:
        code: The fail code as it was sent; "" where there is none.
        message: The message in one line, without the key and signed links.
    """

    code: str
    message: str


@dataclass(frozen=True)
class TaskStatus:
    """One answer about a task.

    Attributes:
        task_id: Which task it is about, "" where the answer does not say.
        phase: Where it stands; an unknown state counts as running, and as success where the
            result's links are there.
        raw_state: The service's own word, in one line.
        create_time_ms: When it was accepted, Unix milliseconds.
        complete_time_ms: When it ended.
        cost_time_ms: How long the work took.
        result_urls: The result's links; empty also after success until they are there.
        failure: Why it failed, where it did.
    """

    task_id: str
    phase: Phase
    raw_state: str
    create_time_ms: int | None = None
    complete_time_ms: int | None = None
    cost_time_ms: int | None = None
    result_urls: tuple[str, ...] = ()
    failure: Failure | None = None

    @property
    def is_strange(self) -> bool:
        """Whether the state is a word that is not known."""
        return self.raw_state != "" and self.raw_state.lower() not in _PHASES


def read_task_id(reply: Reply) -> str:
    """The id in the answer to a submit.

    Raises:
        ServiceError: An error reply that names no task; each of its kinds says whether anything
            was accepted.
        ProtocolError: It says success, and holds no usable id; or it is no plain yes, and names a
            task all the same, which is in the error's `task_id`.
    """
    named = named_task_id(reply.body)
    try:
        data = data_of(reply)
    except (ServiceError, ProtocolError) as error:
        if named is None:
            raise
        raise _named_all_the_same(reply, named, error=error) from error
    task_id = id_in(data)
    if task_id is not None and not repeats(reply.secret, task_id):
        return task_id
    if named is not None:
        raise _named_all_the_same(reply, named, error=None)
    raise ProtocolError(
        "APIXO accepted the submit, but its answer contains no task id. Look for the task in "
        "APIXO's dashboard.",
        excerpt=excerpt(reply),
    )


def _named_all_the_same(
    reply: Reply, task_id: str, *, error: ServiceError | ProtocolError | None
) -> ProtocolError:
    """The error for an answer after which nobody can say that nothing was accepted."""
    what = f"an error ({error.status})" if isinstance(error, ServiceError) else "not a plain yes"
    reason = reason_of(reply)
    said = f", which says “{reason}”" if reason else ""
    name = shown(task_id, secret=reply.secret, most=_LONGEST_ID)
    return ProtocolError(
        f"APIXO's answer to the submit is {what}{said}, but it names task {name}. "
        "APIXO is asked about that task; if it is not found, look in APIXO's dashboard.",
        excerpt=excerpt(reply),
        task_id="" if repeats(reply.secret, task_id) else task_id,
    )


def read_status(reply: Reply) -> TaskStatus:
    """The state of a task.

    Raises:
        ServiceError: An error reply; a task that is not known is a `RejectedError` with 404.
        ProtocolError: It is not as documented in any way that was met; or it refuses, in a form
            that is not the service's own.
    """
    try:
        data = unwrapped(data_of(reply))
    except RejectedError as error:
        if is_own_word(reply):
            raise
        what = f"is a refusal ({error.status}) in a form that is not its own"
        raise not_documented(reply, what) from error
    if data is None:
        return TaskStatus("", Phase.RUNNING, "")
    known = as_object(data)
    if known is None:
        raise not_documented(reply, "is not an object")
    raw_state, links = _state_of(known, reply.secret), result_links(known)
    phase = _phase_of(raw_state, links)
    return TaskStatus(
        task_id=one_line(text(known.get("taskId")), most=_LONGEST_ID),
        phase=phase,
        raw_state=raw_state,
        create_time_ms=whole(known.get("createTime")),
        complete_time_ms=whole(known.get("completeTime")),
        cost_time_ms=whole(known.get("costTime")),
        result_urls=links if phase is Phase.SUCCEEDED else (),
        failure=_failure(known, reply.secret) if phase is Phase.FAILED else None,
    )


def _state_of(known: Mapping[str, Any], secret: Secret | None) -> str:
    """The service's word for a state, also where it stands under another name."""
    said = known.get("state")
    word = text(known.get("status") if said is None else said)
    return shown(word, secret=secret, most=_LONGEST_WORD)


def _phase_of(raw_state: str, links: tuple[str, ...]) -> Phase:
    word = raw_state.lower()
    if word in _PHASES:
        return _PHASES[word]
    finished = links and word and not _NO_SUCCESS.search(word)
    return Phase.SUCCEEDED if finished else Phase.RUNNING


def read_balance(reply: Reply) -> Decimal:
    """US dollars that are left.

    Raises:
        ServiceError: An error reply.
        ProtocolError: It holds no number.
    """
    data = data_of(reply)
    if isinstance(data, (int, float, str)) and not isinstance(data, bool):
        try:
            dollars = Decimal(str(data))
        except InvalidOperation:
            dollars = Decimal("NaN")
        if dollars.is_finite() and -_MOST_DOLLARS < dollars < _MOST_DOLLARS:
            return dollars
    raise not_documented(reply, "holds no number of dollars")


def _failure(data: Mapping[str, Any], secret: Secret | None) -> Failure:
    return Failure(
        code=shown(text(data.get("failCode")), secret=secret, most=_LONGEST_WORD),
        message=shown(text(data.get("failMsg")), secret=secret, most=_LONGEST_FAILURE),
    )
