"""What the service answers, read with everything that was met in the wild.

An answer is an envelope `{code, message, data}`; success is HTTP 200 and `code` 200. Source:
API.md, "Answers" and "Errors", read 2026-11-23.
"""

from __future__ import annotations

import email.utils
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, cast

from ..addresses import redact
from ..errors import (
    AuthError,
    CreditError,
    InputError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    ServerError,
    ServiceError,
)
from ..transport import Reply

REFUSED_OUTRIGHT = frozenset({400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422, 431})
"""Statuses that say: not accepted. 408, 409, 425 and 499 may come after the work was begun."""

_CREDIT_CODES = frozenset({"INSUFFICIENT_CREDITS", "INSUFFICIENT_CREDIT", "INSUFFICIENTCREDITS"})
_LONGEST_ID = 200
_LONGEST_MESSAGE = 300
_LONGEST_EXCERPT = 200
_LONGEST_RETRY_S = 3600.0
_MOST_URLS = 20


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
        code: The raw fail code; "" where there is none.
        message: The raw message; may hold links.
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
    good = re.fullmatch(r"[A-Za-z0-9._:=+~@-]+", task_id) and task_id not in {".", ".."}
    if not good or len(task_id) > _LONGEST_ID:
        raise InputError(
            "The task id is blank, too long, or holds spaces, slashes or other signs. "
            "Copy it from the tasks panel or from APIXO's dashboard."
        )
    return task_id


def read_task_id(reply: Reply) -> str:
    """The id in the answer to a submit.

    Raises:
        ServiceError: An error reply; each of its kinds says whether anything was accepted.
        ProtocolError: It says success, and holds no usable id.
    """
    data = _data(reply)
    found: object = data.get("taskId") if isinstance(data, dict) else None
    task_id = str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    if isinstance(task_id, str):
        try:
            return check_task_id(task_id)
        except InputError:
            pass
    raise ProtocolError(
        "APIXO accepted the submit, but its answer holds no task id. "
        "Look for the task in APIXO's dashboard.",
        excerpt=_excerpt(reply.body),
    )


def read_status(reply: Reply) -> TaskStatus:
    """The state of a task.

    Raises:
        ServiceError: An error reply; a task that is not known is a `RejectedError` with 404.
        ProtocolError: It is not as documented in any way that was met.
    """
    data = _data(reply)
    if data is None:
        return TaskStatus("", Phase.RUNNING, "")
    if not isinstance(data, dict):
        raise _not_documented(reply, "is no object")
    known = cast("dict[str, Any]", data)
    state = known.get("state")
    if state is not None and not isinstance(state, str):
        raise _not_documented(reply, "has a state that is no word")
    raw_state = (state or "")[:80]
    phase = _PHASES.get(raw_state.strip().lower(), Phase.RUNNING)
    return TaskStatus(
        task_id=_text(known.get("taskId"))[:_LONGEST_ID],
        phase=phase,
        raw_state=raw_state,
        create_time_ms=_whole(known.get("createTime")),
        complete_time_ms=_whole(known.get("completeTime")),
        cost_time_ms=_whole(known.get("costTime")),
        result_urls=_result_urls(known) if phase is Phase.SUCCEEDED else (),
        failure=_failure(known) if phase is Phase.FAILED else None,
    )


def read_balance(reply: Reply) -> Decimal:
    """US dollars that are left.

    Raises:
        ServiceError: An error reply.
        ProtocolError: It holds no number.
    """
    data = _data(reply)
    if isinstance(data, (int, float, str)) and not isinstance(data, bool):
        try:
            dollars = Decimal(str(data))
        except InvalidOperation:
            dollars = Decimal("NaN")
        if dollars.is_finite():
            return dollars
    raise _not_documented(reply, "holds no number")


def callback_task_id(body: bytes) -> str | None:
    """The task id that a callback names: a candidate, since anyone can send a body."""
    try:
        content: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    data = cast("dict[str, Any]", content).get("data") if isinstance(content, dict) else None
    found = cast("dict[str, Any]", data).get("taskId") if isinstance(data, dict) else None
    try:
        return check_task_id(found) if isinstance(found, str) else None
    except InputError:
        return None


def _data(reply: Reply) -> object:
    """The envelope's data, of an answer that says success."""
    envelope = _envelope(reply)
    if not 200 <= reply.status < 300:
        raise error_for(reply, envelope, status=reply.status)
    if envelope is None:
        raise _not_documented(reply, "is no JSON object")
    code = _whole(envelope.get("code"))
    if code == 200:
        return envelope.get("data")
    if code is None:
        raise _not_documented(reply, "has no code")
    raise error_for(reply, envelope, status=code)


def _envelope(reply: Reply) -> dict[str, Any] | None:
    try:
        content: object = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None


def error_for(reply: Reply, envelope: Mapping[str, Any] | None, *, status: int) -> ServiceError:
    """The error that a status means, with the service's own reason."""
    reason, code = _reason(envelope)
    said = f": {reason}" if reason else ""
    if status == 429:
        return RateLimitError(
            f"APIXO is busy (429{said}). Wait a little, then run again; nothing was submitted.",
            code=code,
            retry_after_s=_retry_after_s(reply.headers),
        )
    if status == 402 or (code.upper().replace("-", "_") in _CREDIT_CODES and status < 500):
        return CreditError(
            f"The account has no credit left ({status}{said}). "
            "Add credit at APIXO, then run again.",
            status=status,
            code=code,
        )
    if status in {401, 403}:
        return AuthError(
            f"APIXO refuses the key, or what is asked ({status}{said}). Check the key in the "
            "settings, and the IP addresses it is limited to in APIXO's dashboard.",
            status=status,
            code=code,
        )
    if status in REFUSED_OUTRIGHT:
        return RejectedError(
            f"APIXO refuses the request ({status}{said}). Correct what it names, then run again.",
            status=status,
            code=code,
        )
    return ServerError(
        f"APIXO has trouble ({status}{said}). Look at its dashboard, and try again later.",
        status=status,
        code=code,
    )


def _reason(envelope: Mapping[str, Any] | None) -> tuple[str, str]:
    """The service's own reason and code: in `message`, or in `data.error` in some answers."""
    if envelope is None:
        return "", ""
    data: object = envelope.get("data")
    inner = cast("Mapping[str, Any]", data) if isinstance(data, dict) else {}
    error: object = inner.get("error") or envelope.get("error")
    if isinstance(error, dict):
        nested = cast("Mapping[str, Any]", error)
        error, code = nested.get("message"), _text(nested.get("code"))
    else:
        code = ""
    code = code or _text(inner.get("failCode")) or _text(envelope.get("errorCode"))
    if not code and isinstance(envelope.get("code"), str) and not envelope["code"].isdigit():
        code = envelope["code"]
    words = [_text(envelope.get("message")), _text(error)]
    said = " · ".join(dict.fromkeys(word.strip() for word in words if word.strip()))
    return _shortened(said), code[:80]


def _shortened(text: str) -> str:
    """Words of the service without links' queries, without line breaks, and not too long."""
    bare = re.sub(r"https?://\S+", lambda found: redact(found.group()), text)
    printable = "".join(c if c.isprintable() else " " for c in bare)
    return printable[:_LONGEST_MESSAGE].strip().rstrip(".")


def _result_urls(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The links of a result, from `resultJson` as a text or as an object."""
    found: object = data.get("resultJson")
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            return ()
    urls: object = (
        cast("dict[str, Any]", found).get("resultUrls") if isinstance(found, dict) else ()
    )
    if isinstance(urls, str):
        urls = [urls]
    if not isinstance(urls, list):
        return ()
    texts = [url for url in cast("list[object]", urls) if isinstance(url, str) and url.strip()]
    return tuple(url.strip() for url in texts[:_MOST_URLS])


def _failure(data: Mapping[str, Any]) -> Failure:
    return Failure(
        code=_text(data.get("failCode")).strip()[:80],
        message=_text(data.get("failMsg")).strip()[: 2 * _LONGEST_MESSAGE],
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return ""


def _whole(value: object) -> int | None:
    """A whole number, also where it came as a text or with a point."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and abs(value) < 1e18 else None
    return value if isinstance(value, int) and abs(value) < 10**18 else None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a number or a date; bounded, so that nobody waits for ever."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return min(float(text), _LONGEST_RETRY_S)
    try:
        at = email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, at - time.time()), _LONGEST_RETRY_S)


def _not_documented(reply: Reply, what: str) -> ProtocolError:
    return ProtocolError(
        f"APIXO's answer {what}. Try again; if it stays so, something else may be answering in "
        "its place, such as a proxy.",
        excerpt=_excerpt(reply.body),
    )


def _excerpt(body: bytes) -> str:
    return _shortened(body[: 4 * _LONGEST_EXCERPT].decode("utf-8", "replace"))[:_LONGEST_EXCERPT]
