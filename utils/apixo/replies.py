"""What the service answers, read with everything that was met in the wild.

Source: docs/service.md, "Answers" and "Callback", read 2026-11-23.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, cast
from urllib.parse import quote

from ..errors import InputError, ProtocolError, RateLimitError
from ..settings import Secret
from ..transport import Reply
from .envelope import (
    as_object,
    data_of,
    excerpt,
    not_documented,
    one_line,
    read_json,
    read_object,
    shown,
    text,
    whole,
)

_LONGEST_ID = 200
_LONGEST_WORD = 80
_LONGEST_FAILURE = 600
_MOST_URLS = 20
_WEB = re.compile(r"https?://[^/]", re.IGNORECASE)
_MOST_WRAPPINGS = 2
"""A text within a text is one wrapping too many, and still plain."""

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
        phase: Where it stands; an unknown state counts as running.
        raw_state: The service's own word.
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


def check_task_id(task_id: str) -> str:
    """A task id that can be part of a request; ids are opaque, so only its form is checked.

    Raises:
        InputError: It is blank, too long, or holds what no id does.
    """
    good = re.fullmatch(r"[!-~]+", task_id) and not set(task_id) & set("/\\\"'`<>")
    if not good or task_id in {".", ".."} or len(task_id) > _LONGEST_ID:
        raise InputError(
            "The task id is blank, too long, or contains spaces, slashes or other symbols. Copy "
            "it from the tasks panel or from APIXO's dashboard."
        )
    return task_id


def read_task_id(reply: Reply) -> str:
    """The id in the answer to a submit.

    Raises:
        ServiceError: An error reply; each of its kinds says whether anything was accepted.
        ProtocolError: It says success, and holds no usable id; or it says “later”, and names a
            task all the same.
    """
    try:
        data = data_of(reply)
    except RateLimitError as error:  # the only one after which a submit leaves again by itself
        named = callback_task_id(reply.body)
        if named is None:
            raise
        name = shown(named, secret=reply.secret)
        raise ProtocolError(
            f"APIXO is busy (429), but its answer names task {name}. Look for the task in "
            "APIXO's dashboard.",
            excerpt=excerpt(reply),
        ) from error
    task_id = _usable_id(as_object(data))
    if task_id is None:
        raise ProtocolError(
            "APIXO accepted the submit, but its answer contains no task id. Look for the task in "
            "APIXO's dashboard.",
            excerpt=excerpt(reply),
        )
    return task_id


def read_status(reply: Reply) -> TaskStatus:
    """The state of a task.

    Raises:
        ServiceError: An error reply; a task that is not known is a `RejectedError` with 404.
        ProtocolError: It is not as documented in any way that was met.
    """
    data = data_of(reply)
    if data is None:
        return TaskStatus("", Phase.RUNNING, "")
    known = as_object(data)
    if known is None:
        raise not_documented(reply, "is not an object")
    raw_state = one_line(text(known.get("state")), most=_LONGEST_WORD)
    phase = _PHASES.get(raw_state.lower(), Phase.RUNNING)
    return TaskStatus(
        task_id=one_line(text(known.get("taskId")), most=_LONGEST_ID),
        phase=phase,
        raw_state=raw_state,
        create_time_ms=whole(known.get("createTime")),
        complete_time_ms=whole(known.get("completeTime")),
        cost_time_ms=whole(known.get("costTime")),
        result_urls=_result_urls(known) if phase is Phase.SUCCEEDED else (),
        failure=_failure(known, reply.secret) if phase is Phase.FAILED else None,
    )


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
    raise not_documented(reply, "contains no dollar amount")


def callback_task_id(body: bytes) -> str | None:
    """The task id that a callback names: a candidate, since anyone can send a body."""
    return _usable_id(as_object((read_object(body) or {}).get("data")))


def _usable_id(data: Mapping[str, Any] | None) -> str | None:
    found: object = (data or {}).get("taskId")
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        return None
    try:
        return check_task_id(str(found).strip())
    except (InputError, ValueError):  # a number of thousands of digits has no text
        return None


def _result_urls(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The links of a result, from `resultJson` as an object or as a text of one."""
    found: object = data.get("resultJson")
    for _ in range(_MOST_WRAPPINGS):
        found = read_json(found) if isinstance(found, str) else found
    urls: object = (as_object(found) or {}).get("resultUrls")
    listed = cast("list[object]", urls) if isinstance(urls, list) else [urls]
    links = [url.strip() for url in listed if isinstance(url, str)]
    return tuple(_encoded(url) for url in links if _WEB.match(url))[:_MOST_URLS]


def _encoded(url: str) -> str:
    """A link with everything percent-encoded that no link can hold, as browsers do it."""
    return quote(url, safe=string.punctuation, errors="replace")


def _failure(data: Mapping[str, Any], secret: Secret | None) -> Failure:
    return Failure(
        code=shown(text(data.get("failCode")), secret=secret, most=_LONGEST_WORD),
        message=shown(text(data.get("failMsg")), secret=secret, most=_LONGEST_FAILURE),
    )
