"""What stands under a node while it works, in words and numbers that are known."""

from __future__ import annotations

from ..utils.tasks.watch import Progress

_MEGABYTE = 1_000_000


def clock_face(seconds: float) -> str:
    """Seconds as 0:42, or 1:02:03 from an hour on."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def span(low_s: float, high_s: float) -> str:
    """A usual time in words: "40–55 s", or "1–2 min" where it is longer."""
    if high_s < 90:
        low, high, unit = round(low_s), round(high_s), "s"
    else:
        low, high, unit = max(1, round(low_s / 60)), round(high_s / 60), "min"
    return f"{low} {unit}" if low == high else f"{low}–{high} {unit}"


def describe(progress: Progress, *, now: float, usually: str = "") -> str:
    """One line for the node.

    Args:
        progress: What the task is doing.
        now: Unix seconds.
        usually: How long such tasks took here before, in words; "" where too few are known.
    """
    words = progress.phase
    if progress.done is not None and progress.total:
        if progress.unit == "bytes":
            done, total = progress.done / _MEGABYTE, progress.total / _MEGABYTE
            words += f" {done:.1f} of {total:.1f} MB"
        else:
            words += f" {100 * progress.done // progress.total} %"
    if progress.phase == "waiting":
        words += f" {clock_face(now - progress.started_at)}"
        if usually:
            words += f" · usually {usually} here"
    return words + (f" · {progress.note}" if progress.note else "")
