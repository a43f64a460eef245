"""Draw the small sample inputs: a character, somebody walking, somebody dancing.

    python scripts/draw_samples.py --folder demo-output/inputs

Everything is drawn from numbers, so it belongs to nobody and is the same at each run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))  # tests load this file by its path

from sample_figures import draw_dancer, draw_fox, draw_walker
from sketch import FINE, Sheet

FRAME_RATE_FPS = 30
SOUND_RATE_HZ = 48_000
SECONDS = 4
BT709, LIMITED_RANGE = 1, 1
# Weights and the tree of macroblocks depend on where x264's memory happens to lie.
ENCODER = {"preset": "veryfast", "crf": "19", "threads": "1", "x264-params": "weightp=0:mbtree=0"}
SHEET_WIDTH, SHEET_HEIGHT = 400, 560


@dataclass(frozen=True)
class Samples:
    """Where the drawn files lie.

    Attributes:
        character: A fox on a soft ground, PNG, 512×768.
        character_transparent: The same without the ground.
        motion: Somebody walks through a park, MP4 with sound, 832×480, 4 s at 30 fps.
        motion_portrait: Somebody dances, MP4 with sound, 480×832, 4 s at 30 fps.
    """

    character: Path
    character_transparent: Path
    motion: Path
    motion_portrait: Path


def on_ground(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay a drawing on a soft pale ground."""
    height, width = alpha.shape
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    glow = np.exp(-(((x - 0.5) / 0.6) ** 2 + ((y - 0.42) / 0.6) ** 2))[..., None]
    ground = np.array([150, 178, 198.0]) + glow * np.array([40, 34, 28.0])
    weight = alpha[..., None] / 255
    return np.rint(rgb + ground * (1 - weight)).astype(np.uint8)


def draw_park(width: int, height: int) -> np.ndarray:
    """Sky, hills, trees and a path, RGB."""
    sheet = Sheet(width, height)
    rng = np.random.default_rng(11)
    rows = np.linspace(0, 1, height * FINE)
    stops = (
        [0.0, 0.35, 0.60, 1.0],
        [(94, 132, 186), (168, 178, 204), (250, 214, 176), (250, 214, 176)],
    )
    sky = np.column_stack(
        [np.interp(rows, stops[0], [ink[c] for ink in stops[1]]) for c in range(3)]
    )
    sheet.rgb[:] = np.repeat(sky[:, None], width * FINE, axis=1).astype(np.uint8)
    horizon = height * 0.60
    _sun(sheet, (width * 0.74, horizon - height * 0.14))
    inks = ((176, 172, 190), (134, 148, 160), (94, 124, 118))
    for depth, ink in enumerate(inks):
        x = np.linspace(0, width, 80)
        wave = sum(
            np.sin(x / width * k * (2 + depth) + rng.uniform(0, 6)) / k for k in (3.1, 5.3, 9.7)
        )
        y = horizon - height * (0.13 - 0.045 * depth) + np.asarray(wave) * height * 0.05
        sheet.shape([*zip(x, y, strict=True), (width, height), (0, height)], ink)
    for x in np.linspace(0.03, 0.97, 9) * width + rng.uniform(-30, 30, 9):
        _tree(sheet, (float(x), horizon + height * 0.03), height * rng.uniform(0.13, 0.24))
    top = horizon + height * 0.02
    sheet.shape([(0, top), (width, top + 6), (width, height), (0, height)], (112, 142, 92))
    path = height * 0.76
    sheet.shape(
        [(0, path), (width, path - 4), (width, height * 0.955), (0, height * 0.97)], (206, 186, 160)
    )
    sheet.shape([(0, path), (width, path - 4), (width, path + 2), (0, path + 7)], (176, 154, 130))
    rgb, _ = sheet.finished()
    return _textured(rgb, rng, path)


def _sun(sheet: Sheet, centre: tuple[float, float]) -> None:
    height, width = sheet.alpha.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / FINE
    distance = np.hypot(x - centre[0], y - centre[1])[..., None] / sheet.size[1]
    glow = np.exp(-distance / 0.16) * 0.75 + (distance < 0.055) * 0.5
    warm = np.array([255, 238, 205], np.float32)
    sheet.rgb[:] = np.clip(sheet.rgb + np.minimum(glow, 1) * (warm - sheet.rgb), 0, 255)


def _tree(sheet: Sheet, foot: tuple[float, float], height: float) -> None:
    x, y = foot
    sheet.limb([(x, y), (x, y - height * 0.5)], (height * 0.07, height * 0.05), (82, 72, 66))
    crowns = ((-0.17, 0.55, 0.21, (72, 108, 86)), (0.17, 0.57, 0.20, (66, 100, 82)),
              (0.0, 0.76, 0.25, (80, 118, 90)), (0.08, 0.86, 0.13, (104, 138, 98)))  # fmt: skip
    for dx, dy, size, ink in crowns:
        sheet.oval((x + dx * height, y - dy * height), (size * height, size * height), ink)


def _textured(rgb: np.ndarray, rng: np.random.Generator, path: float) -> np.ndarray:
    """Grain that makes the ground look like ground."""
    height, width = rgb.shape[:2]
    grain = rng.normal(0, 1, (height, width)).astype(np.float32)
    grass = cv2.GaussianBlur(grain, (0, 0), sigmaX=1.0, sigmaY=2.4) * 26
    sand = cv2.GaussianBlur(grain, (0, 0), sigmaX=4.0, sigmaY=1.2) * 22
    rows = np.arange(height)[:, None]
    near = np.clip((rows - height * 0.62) / (height * 0.1), 0, 1)
    on_path = (rows > path) & (rows < height * 0.955)
    shade = near * np.where(on_path, sand, grass) + grain * 0.8
    return np.clip(rgb + shade[..., None], 0, 255).astype(np.uint8)


# Clips.


def walk_step(index: int) -> tuple[float, float]:
    """Where the walker is in frame `index`, 0…1 of the way, and in which phase of the step."""
    way = index / (FRAME_RATE_FPS * SECONDS - 1)
    return way, 2 * np.pi * 3.25 * way


def walking(background: np.ndarray) -> Callable[[int], np.ndarray]:
    """Frames of somebody who crosses the park."""
    height, width = background.shape[:2]

    def frame(index: int) -> np.ndarray:
        way, phase = walk_step(index)
        at = (width * (0.12 + 0.76 * way), height * 0.885)
        return laid(background, at, lambda sheet, spot: draw_walker(sheet, spot, phase=phase))

    return frame


def dancing(background: np.ndarray) -> Callable[[int], np.ndarray]:
    """Frames of somebody who dances on the spot, at 105 beats a minute."""
    height, width = background.shape[:2]

    def frame(index: int) -> np.ndarray:
        phase = np.pi * index / FRAME_RATE_FPS * 105 / 60
        at = (width * 0.5, height * 0.90)
        return laid(background, at, lambda sheet, spot: draw_dancer(sheet, spot, phase=phase))

    return frame


def laid(
    background: np.ndarray,
    at: tuple[float, float],
    draw: Callable[[Sheet, tuple[float, float]], None],
) -> np.ndarray:
    """Draw a figure with its shadow onto a copy of the background."""
    sheet = Sheet(SHEET_WIDTH, SHEET_HEIGHT)
    left, top = int(at[0]) - SHEET_WIDTH // 2, int(at[1]) - SHEET_HEIGHT + 20
    foot = at[0] - left, at[1] - top
    draw(sheet, foot)
    rgb, alpha = sheet.finished()
    y, x = np.mgrid[0:SHEET_HEIGHT, 0:SHEET_WIDTH].astype(np.float32)
    distance = ((x - foot[0] + 6) / 74) ** 2 + ((y - foot[1] + 2) / 9) ** 2
    shade = (1 - alpha.astype(np.float32) / 255) * (1 - 0.42 * np.exp(-distance))
    rows, columns = slice(max(0, top), top + SHEET_HEIGHT), slice(max(0, left), left + SHEET_WIDTH)
    out = background.copy()
    part = out[rows, columns]
    own = (
        slice(max(0, -top), max(0, -top) + part.shape[0]),
        slice(max(0, -left), max(0, -left) + part.shape[1]),
    )
    part[:] = np.rint(part * shade[own][..., None] + rgb[own])
    return out


def footsteps() -> np.ndarray:
    """Steps in time with the walker over a quiet chord, stereo, −1…1."""
    sound = chord((220.0, 277.18, 329.63, 440.0), 0.05)
    rng = np.random.default_rng(5)
    for number in range(7):
        start = int((number + 0.35) / 6.5 * SECONDS * SOUND_RATE_HZ)
        length = min(SOUND_RATE_HZ // 9, sound.shape[1] - start)
        if length > 0:
            grit = np.convolve(rng.normal(0, 1, length), np.ones(24) / 24, mode="same")
            fade = np.exp(-np.linspace(0, 9, length))
            sound[:, start : start + length] += 0.5 * grit * fade
    return sound


def beat() -> np.ndarray:
    """A drum and a chord at 105 beats a minute, stereo, −1…1."""
    sound = chord((196.0, 246.94, 293.66, 392.0), 0.06)
    length = SOUND_RATE_HZ // 4
    t = np.arange(length) / SOUND_RATE_HZ
    drum = np.sin(2 * np.pi * (45 * t + 3 * (1 - np.exp(-t * 40)))) * np.exp(-t * 14)
    for number in range(int(SECONDS * 105 / 60)):
        start = int(number * 60 / 105 * SOUND_RATE_HZ)
        part = sound[:, start : start + length]
        part += 0.5 * drum[: part.shape[1]]
    return sound


def chord(tones_hz: tuple[float, ...], level: float) -> np.ndarray:
    """Soft tones that rise and fall, a little apart left and right."""
    t = np.arange(SECONDS * SOUND_RATE_HZ) / SOUND_RATE_HZ
    swell = np.clip(np.minimum(t, SECONDS - t) * 4, 0, 1)
    sides = [
        sum(
            np.sin(2 * np.pi * tone * (t + side * 0.0004)) * (1 + 0.3 * np.sin(tone + 3 * t))
            for tone in tones_hz
        )
        for side in (0, 1)
    ]
    return np.stack(sides) * swell * level


def write_clip(target: Path, frame: Callable[[int], np.ndarray], sound: np.ndarray) -> Path:
    """Encode frames and sound as H.264 and AAC, tagged BT.709."""
    first = frame(0)
    with av.open(str(target), "w", options={"movflags": "faststart"}) as container:
        picture = container.add_stream(
            "libx264",
            rate=FRAME_RATE_FPS,
            options=dict(ENCODER),
        )
        picture.height, picture.width = first.shape[:2]
        picture.pix_fmt = "yuv420p"
        context = picture.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        track = container.add_stream("aac", rate=SOUND_RATE_HZ, layout="stereo")
        track.bit_rate = 96_000
        for index in range(FRAME_RATE_FPS * SECONDS):
            made = to_video_frame(first if index == 0 else frame(index))
            made.pts, made.time_base = index, Fraction(1, FRAME_RATE_FPS)
            container.mux(picture.encode(made))
        container.mux(picture.encode(None))
        samples = av.AudioFrame.from_ndarray(
            sound.astype(np.float32), format="fltp", layout="stereo"
        )
        samples.sample_rate, samples.pts = SOUND_RATE_HZ, 0
        container.mux(track.encode(samples))
        container.mux(track.encode(None))
    return target


def to_video_frame(rgb: np.ndarray) -> av.VideoFrame:
    """RGB as 4:2:0 planes by BT.709 in the usual range."""
    matrix = np.array([
        [0.18259, 0.61423, 0.06201, 16],
        [-0.10064, -0.33857, 0.43922, 128],
        [0.43922, -0.39894, -0.04027, 128],
    ])  # fmt: skip
    yuv = cv2.transform(rgb.astype(np.float32), matrix)
    height, width = rgb.shape[:2]
    half = cv2.resize(yuv[..., 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    planes = [yuv[..., 0].ravel(), half[..., 0].ravel(), half[..., 1].ravel()]
    pixels = np.rint(np.concatenate(planes)).astype(np.uint8).reshape(height * 3 // 2, width)
    frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
    frame.colorspace, frame.color_range = BT709, LIMITED_RANGE
    return frame


def draw(folder: Path) -> Samples:
    """Draw all samples into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = Samples(
        character=folder / "character.png",
        character_transparent=folder / "character_transparent.png",
        motion=folder / "motion.mp4",
        motion_portrait=folder / "motion_portrait.mp4",
    )
    rgb, alpha = draw_fox()
    cv2.imencode(".png", on_ground(rgb, alpha)[..., ::-1])[1].tofile(samples.character)
    straight = np.where(alpha[..., None] > 0, rgb * 255.0 / np.maximum(alpha, 1)[..., None], 255)
    transparent = np.dstack([np.clip(np.rint(straight), 0, 255).astype(np.uint8)[..., ::-1], alpha])
    cv2.imencode(".png", transparent)[1].tofile(samples.character_transparent)
    write_clip(samples.motion, walking(draw_park(832, 480)), footsteps())
    write_clip(samples.motion_portrait, dancing(draw_park(480, 832)), beat())
    return samples


def main() -> int:
    """Draw them where the command says."""
    parser = argparse.ArgumentParser(description="Draw the sample inputs.")
    default = Path(__file__).resolve().parent.parent / "demo-output" / "inputs"
    parser.add_argument("--folder", type=Path, default=default)
    samples = draw(parser.parse_args().folder)
    for path in vars(samples).values():
        print(f"{path}  {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
