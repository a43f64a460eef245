"""Time stamps laid out at a constant frame rate.

Pure arithmetic: which frame of a file is shown in which slot of an even grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

# Rates that cameras and editors use; a rate that was only measured is rounded to one of them.
USUAL_RATES = tuple(
    Fraction(rate)
    for rate in (8, 10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 144, 240)
) + tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120))
# How far a constant clip's stamps may lie beside the grid, in frames: containers round them.
_JITTER = 0.1
# Never so far that two frames could change places with a slot between them.
_WIDEST = 0.9
# A measured rate this close to a usual one is taken for it.
_NEAR = 0.02
# Beyond this, bursts of frames would blow up a clip that is mostly still.
_MAX_GROWTH = 4


@dataclass(frozen=True)
class Timeline:
    """A clip on an even grid.

    Attributes:
        stamps: Time stamp of each frame in the order shown, strictly rising.
        time_base: Seconds of one tick of a stamp.
        rate: Slots per second.
        variable: Whether the stamps were off the grid, so that frames repeat or fall away.
        shown: For each slot the index of the frame in it, never falling.
    """

    stamps: NDArray[np.int64]
    time_base: Fraction
    rate: Fraction
    variable: bool
    shown: NDArray[np.int64]

    @property
    def start_s(self) -> Fraction:
        """Time of the first slot, on the file's own clock."""
        return int(self.stamps[0]) * self.time_base if len(self.stamps) else Fraction(0)

    def slot_s(self, slot: int) -> Fraction:
        """Time of a slot, on the file's own clock."""
        return self.start_s + slot / self.rate


def lay_out(
    stamps: Iterable[int],
    *,
    time_base: Fraction,
    rates: Sequence[Fraction],
    last_ticks: int = 0,
) -> Timeline:
    """Find a clip's constant rate, or the best one for a clip without, and fill its slots.

    Args:
        stamps: Time stamps of the frames, in any order.
        time_base: Seconds of one tick.
        rates: Rates that the file claims, the most trusted first.
        last_ticks: How long the last frame is shown; 0 when nobody says.

    Returns:
        One slot a frame where the stamps fit a rate; else each slot shows the last frame that
        was due by its middle, and the last frame stays as long as it should.
    """
    ticks = np.unique(np.fromiter(stamps, dtype=np.int64))
    rates = [rate for rate in rates if rate > 0]
    if len(ticks) < 2:
        rate = rates[0] if rates else _rounded(Fraction(1), last_ticks * time_base)
        return Timeline(ticks, time_base, rate, False, np.arange(len(ticks)))
    constant = _constant_rate(ticks, time_base, rates)
    if constant is not None:
        return Timeline(ticks, time_base, constant, False, np.arange(len(ticks)))
    rate = _nominal_rate(ticks, time_base, rates)
    slots = _slots_of(ticks, time_base, rate)
    total = int(slots[-1]) + max(1, round(last_ticks * time_base * rate))
    shown = np.searchsorted(slots, np.arange(total), side="right") - 1
    return Timeline(ticks, time_base, rate, True, shown)


def counted(count: int, rate: Fraction) -> Timeline:
    """The timeline of a stream that has no time stamps: one frame after the other."""
    return Timeline(np.arange(count, dtype=np.int64), 1 / rate, rate, False, np.arange(count))


def _slots_of(ticks: NDArray[np.int64], time_base: Fraction, rate: Fraction) -> NDArray[np.int64]:
    """The slot from which each frame is shown."""
    return np.floor((ticks - ticks[0]) * float(time_base * rate) + 0.5).astype(np.int64)


def _constant_rate(
    ticks: NDArray[np.int64], time_base: Fraction, rates: Sequence[Fraction]
) -> Fraction | None:
    """The rate on whose grid every stamp lies, one a slot; None when there is none."""
    length = int(ticks[-1] - ticks[0]) * time_base
    measured = Fraction(len(ticks) - 1) / length
    for rate in [*rates, _usual(measured), measured.limit_denominator(1001)]:
        positions = (ticks - ticks[0]) * float(time_base * rate)
        off = positions - np.arange(len(ticks))
        allowed = max(_JITTER, float(time_base * rate))
        if float(off.max() - off.min()) <= min(2 * allowed, _WIDEST):
            return rate
    return None


def _nominal_rate(
    ticks: NDArray[np.int64], time_base: Fraction, rates: Sequence[Fraction]
) -> Fraction:
    """The rate of most frames, bounded by what the average would make of it."""
    steps = np.diff(ticks)
    usual_step = float(np.median(steps)) * float(time_base)
    average = Fraction(len(ticks) - 1) / (int(ticks[-1] - ticks[0]) * time_base)
    nominal = min(Fraction(1 / usual_step), average * _MAX_GROWTH)
    claimed = next((rate for rate in rates if _is_near(rate, nominal)), None)
    return claimed or _usual(nominal)


def _usual(rate: Fraction) -> Fraction:
    """The nearest rate in common use, or the rate itself where none is near."""
    nearest = min(USUAL_RATES, key=lambda usual: abs(usual - rate))
    return nearest if _is_near(nearest, rate) else rate.limit_denominator(1001)


def _is_near(rate: Fraction, measured: Fraction) -> bool:
    return abs(rate - measured) <= measured * Fraction(_NEAR)


def _rounded(default: Fraction, frame_s: Fraction) -> Fraction:
    return _usual(1 / frame_s) if frame_s > 0 else default
