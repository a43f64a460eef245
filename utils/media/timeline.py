"""Time stamps laid out at a constant frame rate.

Pure arithmetic: which frame of a file is shown in which slot of an even grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_WHOLE = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 144, 240)
_BROADCAST = (24, 30, 48, 60, 120)
# Rates that cameras and editors use.
USUAL_RATES = (
    *(Fraction(rate) for rate in _WHOLE),
    *(Fraction(rate * 1000, 1001) for rate in _BROADCAST),
)
# How far a constant clip's stamps may lie beside the grid, in frames: containers round them.
_JITTER = 0.1
# Never so far that two frames could change places with a slot between them.
_WIDEST = 0.9
# A measured rate this close to a usual one is taken for it.
_NEAR = Fraction(2, 100)
# Beyond this, bursts of frames would blow up a clip that is mostly still.
_MAX_GROWTH = 4
# One frame in so many may fall away before the rate is raised for it.
_LOSS_BEARABLE = 100
# A rate is as good as another when its stamps lie only so much further beside the slots.
_BESIDE = 0.05
# A last frame that is shown for longer is a damaged table: nobody waits for it.
_LAST_MOST_S = 3600
# Below this the stamps have no common phase.
_IN_PHASE = 0.3

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Timeline:
    """A clip on an even grid.

    Attributes:
        stamps: Time stamp of each frame in the order shown, strictly rising.
        time_base: Seconds of one tick of a stamp.
        start_s: Time of the first slot, on the file's own clock.
        rate: Slots per second.
        variable: Whether the stamps were off the grid, so that frames repeat or fall away.
        shown: For each slot the index of the frame in it, never falling.
    """

    stamps: Numbers
    time_base: Fraction
    start_s: Fraction
    rate: Fraction
    variable: bool
    shown: Numbers

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
    start_s = int(ticks[0]) * time_base if len(ticks) else Fraction(0)
    if len(ticks) < 2:
        rate = rates[0] if rates else _of_one_frame(last_ticks * time_base)
    else:
        rate = _constant_rate(ticks, time_base, rates)
    if rate is not None:
        return Timeline(ticks, time_base, start_s, rate, False, np.arange(len(ticks)))
    rate = _best_rate(ticks, time_base)
    slots, phase = _slots_of(ticks, time_base, rate)
    last_s = min(last_ticks * time_base, _LAST_MOST_S)
    total = int(slots[-1]) + max(1, round(last_s * rate))
    shown = np.searchsorted(slots, np.arange(total), side="right") - 1
    start_s += Fraction(phase).limit_denominator(10**6) / rate
    return Timeline(ticks, time_base, start_s, rate, True, shown)


def counted(count: int, rate: Fraction) -> Timeline:
    """The timeline of a stream that has no time stamps: one frame after the other."""
    numbers = np.arange(count, dtype=np.int64)
    return Timeline(numbers, 1 / rate, Fraction(0), rate, False, numbers)


def _constant_rate(
    ticks: Numbers, time_base: Fraction, rates: Sequence[Fraction]
) -> Fraction | None:
    """The rate on whose grid every stamp lies, one a slot; None when there is none."""
    length = int(ticks[-1] - ticks[0]) * time_base
    measured = Fraction(len(ticks) - 1) / length
    for rate in [*rates, _usual(measured), measured.limit_denominator(1001)]:
        off = (ticks - ticks[0]) * float(time_base * rate) - np.arange(len(ticks))
        allowed = max(_JITTER, float(time_base * rate))
        if float(off.max() - off.min()) <= min(2 * allowed, _WIDEST):
            return rate
    return None


def _best_rate(ticks: Numbers, time_base: Fraction) -> Fraction:
    """The lowest usual rate at which hardly a frame falls away, for stamps on no grid.

    What the file claims is no help here: its average fits no frame, its "real" rate may be 90000.
    """
    average = Fraction(len(ticks) - 1) / (int(ticks[-1] - ticks[0]) * time_base)
    usable = [rate for rate in sorted(USUAL_RATES) if average / 2 <= rate <= average * _MAX_GROWTH]
    fits = [_fit(ticks, time_base, rate) for rate in usable or [average]]
    bearable = max(min(fit.lost for fit in fits), len(ticks) // _LOSS_BEARABLE)
    fits = [fit for fit in fits if fit.lost <= bearable]
    on_average = next((fit for fit in fits if fit.rate == _usual(average)), None)
    if on_average is not None:
        return on_average.rate
    # A grid on which the stamps lie is better than a lower one into which they can be squeezed.
    fits = [fit for fit in fits if fit.rate <= 2 * fits[0].rate]
    least = min(fit.beside for fit in fits)
    lowest = next(fit for fit in fits if fit.beside <= least + _BESIDE)
    # 29.97 and 30 differ too little for all that; without a clear sign it is the whole number.
    twins = [fit for fit in fits if abs(fit.rate / lowest.rate - 1) < Fraction(2, 1000)]
    return min(twins, key=lambda fit: fit.beside * (1 if fit.rate.denominator > 1 else 0.9)).rate


@dataclass(frozen=True)
class _Fit:
    """How well a rate serves: frames that would share a slot with a later one, mean distance."""

    rate: Fraction
    lost: int
    beside: float


def _fit(ticks: Numbers, time_base: Fraction, rate: Fraction) -> _Fit:
    slots, phase = _slots_of(ticks, time_base, rate)
    beside = (ticks - ticks[0]) * float(time_base * rate) - phase - slots
    return _Fit(rate, len(ticks) - len(np.unique(slots)), float(np.abs(beside).mean()))


def _slots_of(ticks: Numbers, time_base: Fraction, rate: Fraction) -> tuple[Numbers, float]:
    """The slot from which each frame is shown, and where slot 0 lies beside the first stamp.

    The grid is put where most stamps are, not where a first one that is off happens to be.
    """
    positions = (ticks - ticks[0]) * float(time_base * rate)
    turn = complex(np.exp(2j * np.pi * positions).mean())
    phase = float(np.angle(turn)) / (2 * np.pi) if abs(turn) > _IN_PHASE else 0.0
    phase = phase if abs(phase) > 1e-6 else 0.0
    slots = np.floor(positions - phase + 0.5).astype(np.int64)
    return slots - slots[0], phase + float(slots[0])


def _usual(rate: Fraction) -> Fraction:
    """The nearest rate in common use, or the rate itself where none is near."""
    nearest = min(USUAL_RATES, key=lambda usual: abs(usual - rate))
    is_near = abs(nearest - rate) <= rate * _NEAR
    return nearest if is_near else rate.limit_denominator(1001)


def _of_one_frame(frame_s: Fraction) -> Fraction:
    return _usual(1 / frame_s) if frame_s > 0 else Fraction(1)
