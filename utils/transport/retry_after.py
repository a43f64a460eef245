"""How long the other side wants to be left alone."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import timezone

LONGEST_S = 24 * 3600.0
"""Whoever asks for more has made a mistake."""


def retry_after_s(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait, from a number or a date; None where there is neither.

    A date is measured by the other side's own clock where it tells the time.

    Args:
        headers: By lower-case name.
        now: Unix seconds.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", text):
        return min(float(text), LONGEST_S)
    until = _unix(text)
    if until is None:
        return None
    there = _unix(headers.get("date", ""))
    return min(max(0.0, until - (now if there is None else there)), LONGEST_S)


def _unix(text: str) -> float | None:
    """An HTTP date as Unix seconds."""
    try:
        at = email.utils.parsedate_to_datetime(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
