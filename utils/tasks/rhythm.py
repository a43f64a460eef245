"""When to ask again: arithmetic only."""

from __future__ import annotations

import random

FIRST_S = 3.0
"""Source: docs/service.md, “Media limits”: first poll after 3 s; read 2026-11-23."""

FACTOR = 1.4
CAP_S = 15.0

LATE_AFTER_S = 3600.0
LATE_CAP_S = 600.0
"""A task that has been under way for hours is not in a hurry."""

WITH_CALLBACK = 4.0
"""Where a callback will tell, asking is the net under it."""

MISSING_TOLERATED_S = 60.0
"""Source: docs/service.md, “Answers”: 404 for a task created moments ago; read 2026-11-23."""

MISSING_FINAL_S = 86_400.0
"""Source: docs/design.md, “States”: no trace of the task for 24 h."""

FILE_GONE_FINAL_S = 7 * 86_400.0
"""Source: docs/design.md, “States”: its file gone for 7 days."""

PATIENCE_S = 60.0
"""So long nodes wait for a file that cannot be fetched; the service goes on trying."""

_SPREAD = 0.1


class Rhythm:
    """The delays between two questions about one task.

    Args:
        slower: A callback is expected.
    """

    def __init__(self, *, slower: bool) -> None:
        self._slower = slower
        self._last_s = 0.0

    def next_s(self, age_s: float) -> float:
        """How long to wait before the next question.

        Args:
            age_s: How long the task has been under way.
        """
        cap_s = CAP_S if age_s < LATE_AFTER_S else LATE_CAP_S
        self._last_s = min(cap_s, max(FIRST_S, self._last_s * FACTOR))
        delay_s = min(self._last_s * (WITH_CALLBACK if self._slower else 1.0), LATE_CAP_S)
        return delay_s * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - no secret


def is_traceless(*, missing_s: float, age_s: float) -> bool:
    """Whether a task of which the service knows nothing is given up.

    Args:
        missing_s: How long the service has said so.
        age_s: How long ago the task was accepted.
    """
    return missing_s >= MISSING_FINAL_S and age_s >= MISSING_FINAL_S
