"""Which frames of a clip are wanted, and how large."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..errors import InputError
from .types import Size


@dataclass(frozen=True)
class Selection:
    """What to take of a clip.

    Attributes:
        start: The first frame wanted, counted from 0 at the clip's (or its window's) start.
        count: How many frames at most; 0 means all.
        every_nth: 2 takes every second frame, and so on.
        longest_side: Frames are scaled down to this many pixels; 0 leaves them.
    """

    start: int = 0
    count: int = 0
    every_nth: int = 1
    longest_side: int = 0

    def check(self) -> None:
        """Refuse numbers that mean nothing.

        Raises:
            InputError: One of them is out of range.
        """
        wanted = {"start": 0, "count": 0, "every_nth": 1, "longest_side": 0}
        for name, least in wanted.items():
            value = getattr(self, name)
            if value < least:
                label = name.replace("_", " ")
                message = f"The frame selection's {label} is {value}. It must be at least {least}."
                raise InputError(message)

    def slots(self, total: int) -> range:
        """The slots that are taken of `total`."""
        slots = range(min(self.start, total), total, self.every_nth)
        return slots[: self.count] if self.count else slots

    @property
    def end(self) -> int | None:
        """The slot after the last that can be wanted; None without a limit."""
        return self.start + (self.count - 1) * self.every_nth + 1 if self.count else None


ALL = Selection()


def scaled(size: Size, longest_side: int) -> Size:
    """A size whose longer side is at most `longest_side`; 0 leaves it as it is."""
    longest = max(size.width, size.height)
    if not longest_side or longest <= longest_side:
        return size
    factor = Fraction(longest_side, longest)
    return Size(max(1, round(size.width * factor)), max(1, round(size.height * factor)))
