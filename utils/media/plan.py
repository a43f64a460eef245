"""Which frame of a file goes into which place of the result."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np

from ..errors import DecodeError
from .selection import Selection
from .timeline import Timeline

# A window's edge this close before a frame takes the frame: edges are typed with few digits.
_EDGE_FRAMES = Fraction(1, 1000)


@dataclass(frozen=True)
class Plan:
    """What is taken of a timeline.

    Attributes:
        timeline: The clip on an even grid.
        window: The slots that the clip's window holds.
        slots: The slots that are wanted, all within the window.
        places: For the stamp of each frame wanted: its first place in the result, and how many
            places it fills.
    """

    timeline: Timeline
    window: range
    slots: range
    places: dict[int, tuple[int, int]]

    @property
    def start_s(self) -> Fraction:
        """Time of the first frame wanted, on the file's own clock."""
        return self.timeline.slot_s(self.slots[0])

    @property
    def lead_s(self) -> Fraction:
        """How long after the window's start the first frame wanted is shown."""
        return (self.slots[0] - self.window.start) / self.timeline.rate

    @property
    def length_s(self) -> Fraction:
        """How long the frames wanted last, up to the window's end."""
        end = min(self.slots[-1] + self.slots.step, self.window.stop)
        return (end - self.slots[0]) / self.timeline.rate

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second of the result."""
        return self.timeline.rate / self.slots.step

    @property
    def reaches_end(self) -> bool:
        """Whether the file's last frame is wanted."""
        return bool(self.timeline.shown[self.slots[-1]] == self.timeline.shown[-1])


def make_plan(
    timeline: Timeline,
    selection: Selection,
    *,
    origin_s: Fraction = Fraction(0),
    start_s: float = 0.0,
    duration_s: float = 0.0,
) -> Plan:
    """Choose the slots of a timeline.

    Args:
        timeline: The clip on an even grid.
        selection: What is wanted of the window.
        origin_s: The time on the file's clock that counts as 0 for the window.
        start_s: Where the window starts.
        duration_s: How long it is; 0 means to the end.

    Raises:
        DecodeError: No frame is left.
    """
    window = _window(timeline, origin_s=origin_s, start_s=start_s, duration_s=duration_s)
    inner = selection.slots(len(window))
    slots = window[inner.start : inner.stop : inner.step]
    if not slots:
        message = (
            f"Nothing is left of the clip's {len(timeline.shown)} frames: {len(window)} are in "
            f"its window, and the selection starts at {selection.start}. Start earlier."
        )
        raise DecodeError(message)
    frames, firsts, counts = np.unique(
        timeline.shown[slots.start : slots.stop : slots.step],
        return_index=True,
        return_counts=True,
    )
    stamps = timeline.stamps[frames].tolist()
    spans = zip(firsts.tolist(), counts.tolist(), strict=True)
    places = dict(zip(stamps, spans, strict=True))
    return Plan(timeline, window, slots, places)


def _window(timeline: Timeline, *, origin_s: Fraction, start_s: float, duration_s: float) -> range:
    total = len(timeline.shown)
    if not start_s and not duration_s:
        return range(total)
    lead_s = origin_s + Fraction(start_s) - timeline.start_s
    first = max(0, ceil(lead_s * timeline.rate - _EDGE_FRAMES))
    end = total
    if duration_s:
        end = min(total, ceil((lead_s + Fraction(duration_s)) * timeline.rate - _EDGE_FRAMES))
    return range(min(first, total), max(min(first, total), end))
