"""Draw the icon and the banner that the registry and the README show.

    python scripts/draw_brand.py

Drawn from numbers like the samples, letters too, so that they belong to nobody else. The registry
takes a square icon of at most 400 pixels a side and a banner of 21:9.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))  # its neighbours are no package

from brand_figures import draw_fox_dancing, draw_joints
from draw_samples import draw_park
from lettering import write
from sample_figures import CREAM, SCARF, Figure, dance, draw_dancer, draw_fox_head
from sketch import Ink, Points, Sheet

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
ICON_PX = 400
BANNER = (1680, 720)
NIGHT, DEEP, LAGOON = (9, 26, 36), (14, 52, 64), (44, 146, 150)
PHASE = 0.95
"""The moment of the dance that is shown."""
FRAME = (292, 456)
FRAME_TOP = 132
FRAMES_LEFT = (692, 1012, 1332, 1652)
"""The last one runs out of the picture, as film does."""
FILM = (656, 58, 1800, 662)


def rounded(box: tuple[float, float, float, float], *, radius: float) -> Points:
    """A rectangle with round corners; the box is left, top, right, bottom."""
    left, top, right, bottom = box
    points = []
    for number, (x, y) in enumerate(
        [(right - radius, bottom - radius), (left + radius, bottom - radius),
         (left + radius, top + radius), (right - radius, top + radius)]
    ):  # fmt: skip
        turn = np.linspace(number, number + 1, 16) * np.pi / 2
        corner = np.column_stack([x + radius * np.cos(turn), y + radius * np.sin(turn)])
        points += [(float(a), float(b)) for a, b in corner]
    return points


def glow(size: tuple[int, int], *, centre: tuple[float, float], reach: float) -> np.ndarray:
    """Lagoon in the middle that falls off to the deep, RGB."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot(x - centre[0], y - centre[1])[..., None] / reach
    light = np.exp(-(distance**2))
    ground = np.array(DEEP, np.float32) + light * (np.array(LAGOON, np.float32) - DEEP)
    shade = 1 - 0.35 * np.clip(distance - 1, 0, 1)
    grain = np.random.default_rng(3).normal(0, 0.4, (height, width, 1))  # no bands in the light
    return ground * shade + grain


def laid_on(ground: np.ndarray, sheet: Sheet) -> np.ndarray:
    """A sheet over a ground."""
    rgb, alpha = sheet.finished()
    return rgb + ground * (1 - alpha[..., None] / 255)


def holes(sheet: Sheet, *, ink: Ink, count: int, line: Points, size: tuple[float, float]) -> None:
    """The holes of a film, evenly along a line."""
    (x0, y0), (x1, y1) = line
    for share in np.linspace(0, 1, count):
        x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
        half = size[0] / 2, size[1] / 2
        box = (x - half[0], y - half[1], x + half[0], y + half[1])
        sheet.shape(rounded(box, radius=min(half) * 0.55), ink)


def draw_icon() -> np.ndarray:
    """The fox in a frame of film, RGBA."""
    side = ICON_PX
    light = glow((side, side), centre=(side / 2, side * 0.46), reach=side * 0.46)
    film = Sheet(side, side)
    for left in (0, side - 54):
        film.shape([(left, 0), (left + 54, 0), (left + 54, side), (left, side)], NIGHT)
        middle = left + (29 if left == 0 else 25)
        holes(film, ink=CREAM, count=6, line=[(middle, 36), (middle, side - 36)], size=(25, 34))
    fox = Sheet(side, side)
    scale = 0.94
    draw_fox_head(Figure(fox, (side / 2 - 256 * scale, side * 0.515 - 205 * scale), scale))
    picture = laid_on(laid_on(light, film), fox)
    shape = Sheet(side, side)
    shape.shape(rounded((1, 1, side - 1, side - 1), radius=78), CREAM)
    alpha = shape.finished()[1]
    return np.dstack([np.clip(np.rint(picture), 0, 255).astype(np.uint8), alpha])


def draw_frames() -> list[np.ndarray]:
    """Somebody dances; how they move; the fox moves like them; and an empty park."""
    width, height = FRAME
    tall = height * 0.79
    at, pose = (width * 0.54, height * 0.915), dance(PHASE)
    park = draw_park(width * 2, height)[:, width // 2 : width // 2 + width].astype(np.float32)
    night = glow(FRAME, centre=(width / 2, height * 0.5), reach=width * 1.1) * 0.42
    sheets = [Sheet(width, height) for _ in range(3)]
    draw_dancer(sheets[0], at, phase=PHASE, tall_px=tall)
    draw_joints(sheets[1], at, pose=pose, tall_px=tall)
    draw_fox_dancing(sheets[2], at, pose=pose, tall_px=tall)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = ((x - at[0]) / 72) ** 2 + ((y - at[1]) / 9) ** 2
    shaded = park * (1 - 0.42 * np.exp(-distance))[..., None]
    grounds = [shaded, night, shaded]
    made = [laid_on(ground, sheet) for ground, sheet in zip(grounds, sheets, strict=True)]
    return [*made, park]


def draw_banner() -> np.ndarray:
    """The name, and three frames of film: a person, the motion, the character. RGB."""
    width, height = BANNER
    picture = glow(BANNER, centre=(width * 0.2, height * 0.42), reach=width * 0.34)
    film = Sheet(width, height)
    film.shape(rounded(FILM, radius=26), NIGHT)
    for y in (96, height - 96):
        holes(film, ink=DEEP, count=20, line=[(704, y), (1704, y)], size=(28, 22))
    picture = laid_on(picture, film)
    for left, frame in zip(FRAMES_LEFT, draw_frames(), strict=True):
        window = Sheet(*FRAME)
        window.shape(rounded((0, 0, *FRAME), radius=16), CREAM)
        weight = window.finished()[1][..., None] / 255
        part = picture[FRAME_TOP : FRAME_TOP + FRAME[1], left : left + FRAME[0]]
        seen = part.shape[1]
        part[:] = frame[:, :seen] * weight[:, :seen] + part * (1 - weight[:, :seen])
    name = Sheet(width, height)
    write(name, "Wan", (92, 340), tall_px=96, inks=(CREAM, SCARF))
    write(name, "Animate", (92, 520), tall_px=66, inks=(CREAM, SCARF))
    return np.clip(np.rint(laid_on(picture, name)), 0, 255).astype(np.uint8)


def write_png(target: Path, picture: np.ndarray) -> None:
    """Write a picture, RGB or RGBA."""
    target.parent.mkdir(parents=True, exist_ok=True)
    order = [2, 1, 0, 3][: picture.shape[2]]
    cv2.imencode(".png", picture[..., order], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tofile(target)
    print(f"{target.name}  {picture.shape[1]}×{picture.shape[0]}  {target.stat().st_size:,} bytes")


def main() -> int:
    """Draw both where the command says."""
    parser = argparse.ArgumentParser(description="Draw the icon and the banner.")
    parser.add_argument("--folder", type=Path, default=IMAGES)
    folder = parser.parse_args().folder
    write_png(folder / "icon.png", draw_icon())
    write_png(folder / "banner.png", draw_banner())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
