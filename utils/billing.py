"""What a task costs, as far as it is documented."""

from __future__ import annotations

import math

from .errors import InputError

LEAST_BILLED_S = 5
MOST_BILLED_S = 120
"""Billed is the input clip's length, within these bounds. Source: docs/service.md, "Money"."""

_ROUNDING_S = 1e-3


def billable_seconds(duration_s: float) -> int:
    """Seconds that a clip is billed as.

    How the service rounds a fraction is not documented; rounding up promises nothing cheaper
    than what may come. A thousandth of a second above a whole one is taken for rounding.

    Args:
        duration_s: Length of the input clip in seconds.

    Raises:
        InputError: That is no length.
    """
    if not (math.isfinite(duration_s) and duration_s >= 0):
        raise InputError(
            f"The clip's length is {duration_s} s, which is not a valid length. Use a clip that "
            "can be played."
        )
    whole = math.ceil(duration_s - _ROUNDING_S)
    return min(max(whole, LEAST_BILLED_S), MOST_BILLED_S)
