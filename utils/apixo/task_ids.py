"""Task ids: what can be one, and where an answer that is like no other hides one.

An id that is found anywhere but in a plain yes is a candidate: it counts once statusTask answers
for it. Source: docs/service.md, "Answers" and "Callback", read 2026-11-23.
"""

from __future__ import annotations

import re

from ..errors import InputError
from .envelope import as_object, read_json, unwrapped

_LONGEST_ID = 200
_NAMES = ("taskId", "task_id")
_WRITTEN = re.compile(rb'"task_?[iI]d"\s*:\s*"([!-~]{1,400}?)"')
_BARE = re.compile(r"(?=(?:[^0-9]*[0-9]){3})[A-Za-z0-9][A-Za-z0-9_-]{11,199}")
"""A text that is nothing but an id: long, of letters and digits, no time and no address."""

_WORDS = re.compile(r"err|code|fail|invalid|denied|status|http", re.IGNORECASE)
"""A text with one of these says what went wrong, such as `ERROR_CODE_4001`."""


def check_task_id(task_id: str) -> str:
    """A task id that can be part of a request; ids are opaque, so only its form is checked.

    Raises:
        InputError: It is blank, too long, or holds what no id does.
    """
    good = re.fullmatch(r"[!-~]+", task_id) and not set(task_id) & set("/\\\"'`<>")
    if not good or task_id in {".", ".."} or len(task_id) > _LONGEST_ID:
        raise InputError(
            "The task id is blank, too long, or holds spaces, slashes or other signs. "
            "Copy it from the tasks panel or from APIXO's dashboard."
        )
    return task_id


def id_in(data: object) -> str | None:
    """The id in the documented place of an envelope's data; None where there is none."""
    return _usable((as_object(data) or {}).get("taskId"))


def named_task_id(body: bytes) -> str | None:
    """The task that a body names, wherever it does; None where it names none.

    Args:
        body: An answer of any kind, also one that is cut off; or a callback, which anyone can send.
    """
    whole = read_json(body)
    if whole is None:
        written = _WRITTEN.search(body)
        return _usable(written[1].decode("ascii")) if written else None
    envelope = as_object(whole) or {}
    data = unwrapped(envelope.get("data"))
    for place in (as_object(data) or {}, envelope):
        for name in _NAMES:
            found = _usable(place.get(name))
            if found is not None:
                return found
    bare = _usable(data) if isinstance(data, str) else None
    return bare if bare and _BARE.fullmatch(bare) and not _WORDS.search(bare) else None


def _usable(found: object) -> str | None:
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        return None
    try:
        return check_task_id(str(found).strip())
    except (InputError, ValueError):  # a number of thousands of digits has no text
        return None
