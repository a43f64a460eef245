"""Errors that nobody expected: where they came from is told, what they say is not.

The text of a foreign exception may hold an address with its signature.
"""

from __future__ import annotations

import logging
import traceback

from .errors import TaskError, WanAnimateError

log = logging.getLogger("apixo_wan_animate")


def report(error: BaseException) -> None:
    """Put an error's kind and place into the log."""
    if isinstance(error, WanAnimateError):
        log.warning("%s", error)
        return
    place = "".join(traceback.format_tb(error.__traceback__)[-4:])
    log.error("%s came up where none was expected, at:\n%s", type(error).__name__, place)


def as_ours(error: BaseException, *, task_id: str = "") -> WanAnimateError:
    """The error a node shows: ours as it is, a foreign one as a fault of this pack."""
    if isinstance(error, WanAnimateError):
        return error
    report(error)
    return TaskError(
        f"Internal error ({type(error).__name__}); ComfyUI's log shows where. Report it with "
        "those lines, then run again: nothing that was accepted is lost.",
        task_id=task_id,
    )
