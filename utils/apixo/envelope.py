"""The envelope `{code, message, data}` that every answer comes in, and what its errors mean.

Success is HTTP 200 and `code` 200.
Source: docs/service.md, "Answers" and "Errors", read 2026-11-23.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, cast

from ..errors import (
    AuthError,
    CreditError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    ServerError,
    ServiceError,
)
from ..redaction import unescaped, without_secret, without_signatures
from ..settings import PRACTICE_KEY, Secret
from ..transport import Reply

REFUSED_OUTRIGHT = frozenset({400, 401, 402, 403, 404, 405, 410, 411, 413, 414, 415, 422, 431})
"""Statuses that say: not accepted.

406, 408, 409, 425 and 499 are not among them: each may come after the work was begun.
"""

_CREDIT_CODES = frozenset({"INSUFFICIENTCREDITS", "INSUFFICIENTCREDIT"})
_LONGEST_MESSAGE = 300
_LONGEST_CODE = 80
_LONGEST_EXCERPT = 200
_MOST_WRAPPINGS = 3
_LONGEST_RETRY_S = 3600.0
"""Whoever asks for more has made a mistake: nobody waits that long without another look."""


def data_of(reply: Reply) -> object:
    """The envelope's data, of an answer that says success.

    Raises:
        ServiceError: An error reply, by HTTP status or by the envelope's code.
        ProtocolError: It is no envelope.
    """
    envelope = _envelope(reply)
    if not 200 <= reply.status < 300:
        raise _error_for(reply, envelope, status=reply.status)
    if envelope is None:
        raise not_documented(reply, "is not a JSON object")
    code = whole(envelope.get("code"))
    if code == 200:
        return envelope.get("data")
    if envelope.get("code") is None and as_object(envelope.get("data")):
        return envelope["data"]  # an answer with content, but without the word for it
    if code is not None:
        raise _error_for(reply, envelope, status=code)
    if _says_no_credit(_reason(envelope, reply.secret)[1]):
        raise _error_for(reply, envelope, status=402)
    raise not_documented(reply, "has no code")


def is_own_word(reply: Reply) -> bool:
    """Whether an error reply is the service's own, and not that of something in between."""
    code = whole((_envelope(reply) or {}).get("code"))
    return code is not None and code != 200


def reason_of(reply: Reply) -> str:
    """The service's own words about an error, in one line; "" where there are none."""
    return _reason(_envelope(reply), reply.secret)[0]


def not_documented(reply: Reply, what: str) -> ProtocolError:
    """The error for an answer that is like none that is known."""
    return ProtocolError(
        f"APIXO's answer {what}. Try again; if that does not help, something else may be "
        "answering in its place, such as a proxy.",
        excerpt=excerpt(reply),
    )


def excerpt(reply: Reply) -> str:
    """The beginning of a reply as it may be shown."""
    words = reply.body.decode("utf-8", "replace")
    return shown(words, secret=reply.secret, most=_LONGEST_EXCERPT)


def shown(words: str, *, secret: Secret | None, most: int = _LONGEST_MESSAGE) -> str:
    """Words of the service in one line that can be written anywhere.

    The key goes before anything is cut, since half a key would not be known again; then signed
    links; then what is too long.
    """
    plain = unescaped(words)
    if secret is not None and repeats(secret, plain):
        plain = without_secret(plain, secret.reveal())
    return one_line(without_signatures(plain[: 8 * most]), most=most).rstrip(".")


def repeats(secret: Secret | None, words: str) -> bool:
    """Whether words hold the key, in any spelling of it."""
    if secret is None or secret.reveal() == PRACTICE_KEY:
        return False
    return without_secret(words, secret.reveal()) != words


def one_line(words: str, *, most: int) -> str:
    """Words in one line, with nothing in them that a database or a console refuses."""
    return "".join(c if c.isprintable() else " " for c in words)[:most].strip()


def text(value: object) -> str:
    """A text, also where it came as a number; "" for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return ""


def whole(value: object) -> int | None:
    """A whole number, also where it came as a text or with a point."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        stripped = value.strip()
        return int(stripped) if re.fullmatch(r"-?[0-9]{1,18}", stripped) else None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and abs(value) < 1e18 else None
    return value if isinstance(value, int) and abs(value) < 10**18 else None


def read_object(content: str | bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else, however it is broken."""
    return as_object(read_json(content))


def read_json(content: str | bytes) -> object:
    """What a JSON text says; None where it is none, however it is broken."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def unwrapped(value: object) -> object:
    """The value in a JSON text of it, or in a list of nothing else."""
    for _ in range(_MOST_WRAPPINGS):
        if isinstance(value, str) and value.strip()[:1] in {"{", "["}:
            value = read_json(value)
        elif isinstance(value, list) and len(cast("list[object]", value)) == 1:
            value = cast("list[object]", value)[0]
    return value


def as_object(value: object) -> dict[str, Any] | None:
    """The value where it is an object; None otherwise."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _envelope(reply: Reply) -> dict[str, Any] | None:
    return read_object(reply.body)


def _error_for(reply: Reply, envelope: Mapping[str, Any] | None, *, status: int) -> ServiceError:
    """The error that a status means, with the service's own reason."""
    reason, code = _reason(envelope, reply.secret)
    said = f": {reason}" if reason else ""
    if status == 429:
        wait_s = reply.retry_after_s
        return RateLimitError(
            f"APIXO is busy (429{said}); nothing was submitted. Wait a little, then run again.",
            code=code,
            retry_after_s=None if wait_s is None else min(wait_s, _LONGEST_RETRY_S),
        )
    if status == 402 or (_says_no_credit(code) and status // 100 != 5):
        return CreditError(
            f"The account has no credit left ({status}{said}). "
            "Add credit at APIXO, then run again.",
            status=status,
            code=code,
        )
    if status in {401, 403}:
        return AuthError(
            f"APIXO refuses the key or the request ({status}{said}). Check the key in the "
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
        f"APIXO has a problem ({status}{said}). Check its dashboard, and try again later.",
        status=status,
        code=code,
    )


def _reason(envelope: Mapping[str, Any] | None, secret: Secret | None) -> tuple[str, str]:
    """The service's own reason and code: in `message`, or in `data.error` in some answers."""
    if envelope is None:
        return "", ""
    inner = as_object(envelope.get("data")) or {}
    error: object = inner.get("error") or envelope.get("error")
    nested = as_object(error) or {}
    own = envelope.get("code")
    codes = (
        text(nested.get("code")),
        text(inner.get("failCode")),
        text(envelope.get("errorCode")),
        own if isinstance(own, str) and whole(own) is None else "",
    )
    words = [text(envelope.get("message")), text(nested.get("message") if nested else error)]
    said = " · ".join(dict.fromkeys(word.strip() for word in words if word.strip()))
    word = next(filter(None, codes), "")
    return shown(said, secret=secret), shown(word, secret=secret, most=_LONGEST_CODE)


def _says_no_credit(code: str) -> bool:
    return re.sub(r"[^A-Z]", "", code.upper()) in _CREDIT_CODES
