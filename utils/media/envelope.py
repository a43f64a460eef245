"""The pictures and clips that every service of this model takes, and what is done about others.

Source: docs/service.md, "Media limits", read 2026-11-23: the intersection of what services
of this model publish. Inside it things just work; outside it what can be fixed is fixed, by
scaling or by a row of edge pixels, and the rest is refused before anything is sent.
"""

from __future__ import annotations

import math
from fractions import Fraction

from ..errors import InputError
from .types import Size

SIDE_LEAST_PX = 200
PICTURE_SIDE_MOST_PX = 4096
CLIP_SIDE_MOST_PX = 2048
LONGER_SIDE_MOST = 3  # times the shorter one
PICTURE_LIMIT_BYTES = 5_000_000
CLIP_LIMIT_BYTES = 200_000_000

# Enlarging keeps a small clip usable, but below this there is no person left to see.
CLIP_SIDE_ENLARGED_PX = 32

# MP4 and H.264 count time in 32-bit ticks; beyond this a rate is a rounding of some float.
RATE_TERM_MOST = 1_000_000
RATE_DENOMINATOR = 1001
# At 1 000 000 a file lost frames; from 1/4000 down the oldest PyAV drops two when it reads them.
RATE_MOST, RATE_LEAST = Fraction(50_000), Fraction(1, 1000)


def picture_size(size: Size) -> Size:
    """The size a picture is sent in: its own, or scaled down into the envelope.

    Args:
        size: The picture's size.

    Raises:
        InputError: A side is too short, or one is too long beside the other.
    """
    _check_aspect("picture", size)
    if min(size.width, size.height) < SIDE_LEAST_PX:
        raise InputError(
            f"The picture is {size} px; the shorter side must have at least "
            f"{SIDE_LEAST_PX} px. Use a larger picture, or scale this one up."
        )
    longer = max(size.width, size.height)
    return size if longer <= PICTURE_SIDE_MOST_PX else scaled(size, PICTURE_SIDE_MOST_PX / longer)


def clip_size(size: Size, *, max_pixels: int | None = None) -> Size:
    """The size a clip is sent in: even sides inside the envelope.

    A side one pixel longer than the clip's own means a row of edge pixels, anything else that
    the clip is scaled.

    Args:
        size: The clip's size as displayed.
        max_pixels: The most pixels a frame can use; larger clips are scaled down to it.

    Raises:
        InputError: The clip is far too small, or one side is too long beside the other.
    """
    _check_aspect("clip", size)
    shorter, longer = sorted((size.width, size.height))
    if shorter < CLIP_SIDE_ENLARGED_PX:
        raise InputError(
            f"The clip is {size} px; the shorter side should have at least "
            f"{SIDE_LEAST_PX} px, and clips of {CLIP_SIDE_ENLARGED_PX} to {SIDE_LEAST_PX - 1} px "
            "are enlarged. Use a larger clip."
        )
    factor = min(1.0, CLIP_SIDE_MOST_PX / longer)
    if max_pixels is not None:
        factor = min(factor, math.sqrt(max_pixels / (size.width * size.height)))
    factor = max(factor, SIDE_LEAST_PX / shorter) if shorter * factor < SIDE_LEAST_PX else factor
    if factor == 1.0:
        return Size(size.width + size.width % 2, size.height + size.height % 2)
    return _scaled_even(size, factor)


def scaled(size: Size, factor: float) -> Size:
    """A size made smaller, its sides rounded so that none is too long beside the other."""
    return _no_longer(round(size.width * factor), round(size.height * factor))


def _scaled_even(size: Size, factor: float) -> Size:
    shortest = math.ceil(SIDE_LEAST_PX / 2) * 2
    width = max(shortest, math.floor(size.width * factor / 2 + 1e-6) * 2)
    height = max(shortest, math.floor(size.height * factor / 2 + 1e-6) * 2)
    return _no_longer(width, height)


def _no_longer(width: int, height: int) -> Size:
    most = LONGER_SIDE_MOST * min(width, height)
    return Size(min(width, most), min(height, most))


def frame_rate(rate: Fraction) -> Fraction:
    """The rate that is written: the exact one, or the nearest that a file can hold.

    Args:
        rate: Frames per second; 30000/1001 and 1/3 stay what they are, a float's 52-bit
            fraction becomes the plain rate that was meant.

    Raises:
        InputError: The rate is 0 or below, or beyond what a file can hold.
    """
    if rate <= 0:
        raise InputError(
            f"The frame rate is {float(rate):g}; it must be above 0. "
            "Set the clip's own rate, such as 24 or 30."
        )
    if not RATE_LEAST <= rate <= RATE_MOST:
        raise InputError(
            f"The frame rate is {float(rate):g}; from {float(RATE_LEAST):g} to {RATE_MOST} frames "
            "per second can be written. Set the clip's own rate, such as 24 or 30."
        )
    if max(rate.numerator, rate.denominator) <= RATE_TERM_MOST:
        return rate
    if rate >= 1:
        return rate.limit_denominator(RATE_DENOMINATOR)
    return 1 / (1 / rate).limit_denominator(RATE_DENOMINATOR)


def _check_aspect(what: str, size: Size) -> None:
    """Refuse what is longer than the service takes; scaling cannot mend it."""
    shorter, longer = sorted((size.width, size.height))
    if shorter <= 0:
        raise InputError(
            f"The {what} is {size} px and has no pixels; at least "
            f"{SIDE_LEAST_PX}×{SIDE_LEAST_PX} is needed. Connect a real {what}."
        )
    if longer > LONGER_SIDE_MOST * shorter:
        raise InputError(
            f"The {what} is {size} px, an aspect ratio of {longer / shorter:.2f}:1; the "
            f"service takes at most {LONGER_SIDE_MOST}:1. Crop it, or pad its short side."
        )
