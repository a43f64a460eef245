"""Why a result is not there: what that means for its task, and what its node says."""

from __future__ import annotations

from pathlib import Path

from ..errors import (
    DecodeError,
    HostingError,
    InputError,
    MediaError,
    TaskError,
    WanAnimateError,
)
from ..ledger.rows import TaskRow
from ..transport import RefusedLinkError
from ..unexpected import as_ours

GONE_STATUSES = frozenset({401, 403, 404, 410})
"""What a host, or the service, answers where a file or a task is no longer there."""


class GoneError(WanAnimateError):
    """The service no longer knows the task."""


class UnnamedError(WanAnimateError):
    """The service says success, and names no link that can be read: the file is still owed."""


def is_gone(error: Exception) -> bool:
    """Whether the service, and not the way to it, is the reason that there is no file."""
    if isinstance(error, RefusedLinkError):
        return error.status in GONE_STATUSES
    return isinstance(error, (GoneError, DecodeError, HostingError, InputError, MediaError))


def dead_link(row: TaskRow, output: Path) -> TaskError:
    """The error for a collected task whose file is gone here and at the service."""
    return TaskError(
        f"The file of task {row.task_id} is not at {output / row.file}, and its link is dead at "
        "the service. If the output folder was changed or moved, put the file back there or start "
        "ComfyUI with the former folder; only if it was deleted, forget row "
        f"{row.id} (tasks panel, or “cli.py tasks forget {row.id}”) and run again, which submits "
        "the request again, or change the seed.",
        task_id=row.task_id,
    )


def explain(row: TaskRow, error: Exception, *, again: bool) -> TaskError:
    """The error for a task that has succeeded and whose file could not be fetched.

    Args:
        row: The task.
        error: What went wrong.
        again: It was collected before; nobody tries by itself then.
    """
    if isinstance(error, WanAnimateError):
        reason = str(error)
    elif isinstance(error, OSError):
        reason = f"The output folder cannot be written ({error.strerror or type(error).__name__})."
    else:
        reason = str(as_ours(error, task_id=row.task_id))
    then = "It is retried automatically; run again to see whether it has arrived."
    if again:
        then = "Run again to try once more."
    return TaskError(
        f"Task {row.task_id} has succeeded, but its file could not be fetched yet. {reason} {then}",
        task_id=row.task_id,
    )
