"""A round alphabet of one stroke width, with the letters of the name only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sketch import Ink, Points, Sheet

STROKE = 0.21
GAP = 0.36
"""Between the middles of two letters' strokes; both in heights of a small x."""


def _arc(centre: tuple[float, float], radii: tuple[float, float], turn: tuple[int, int]) -> Points:
    """Part of an ellipse; degrees against the clock from the right, y upwards."""
    angles = np.radians(np.linspace(*turn, 40))
    x, y = centre[0] + radii[0] * np.cos(angles), centre[1] + radii[1] * np.sin(angles)
    return list(zip(x.tolist(), y.tolist(), strict=True))


_ARCH = _arc((0.35, 0.58), (0.35, 0.42), (180, 0))

GLYPHS: dict[str, tuple[float, tuple[Points, ...]]] = {
    "W": (1.44, ([(0, 1.42), (0.38, 0), (0.72, 1.16), (1.06, 0), (1.44, 1.42)],)),
    "A": (1.08, ([(0, 0), (0.54, 1.42), (1.08, 0)], [(0.19, 0.46), (0.89, 0.46)])),
    "a": (0.80, (_arc((0.40, 0.5), (0.40, 0.5), (0, 360)), [(0.80, 1.0), (0.80, 0)])),
    "n": (0.70, ([(0, 1.0), (0, 0)], [*_ARCH, (0.70, 0)])),
    "m": (1.40, ([(0, 1.0), (0, 0)], [*_ARCH, (0.70, 0)],
                 [(x + 0.70, y) for x, y in _ARCH] + [(1.40, 0)])),
    "i": (0.0, ([(0, 1.0), (0, 0)],)),
    "t": (0.52, ([(0.20, 1.42), (0.20, 0.30), *_arc((0.46, 0.30), (0.26, 0.30), (180, 280))],
                 [(0, 1.0), (0.50, 1.0)])),
    "e": (0.80, ([(0.02, 0.53), (0.80, 0.53)], _arc((0.40, 0.5), (0.40, 0.5), (4, 318)))),
}  # fmt: skip
"""Of each letter how far it goes, and its strokes, from its left end on the line, y upwards."""


def write(
    sheet: Sheet, word: str, at: tuple[float, float], *, tall_px: float, inks: Sequence[Ink]
) -> float:
    """Write a word; gives where the next could begin.

    Args:
        sheet: What is written on.
        word: Of the letters above.
        at: Left end of the line.
        tall_px: Height of a small x.
        inks: Of the strokes, and of the dots.
    """
    x, y = at
    for letter in word:
        width, strokes = GLYPHS[letter]
        for stroke in strokes:
            placed = [(x + dx * tall_px, y - dy * tall_px) for dx, dy in stroke]
            sheet.limb(placed, [STROKE * tall_px] * len(placed), inks[0])
        if letter == "i":
            dot = STROKE * 0.62 * tall_px
            sheet.oval((x, y - 1.42 * tall_px), (dot, dot), inks[1])
        x += (width + GAP) * tall_px
    return x
