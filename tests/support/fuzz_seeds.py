"""Whole files to be damaged: clips of every build that a phone, a camera or an editor gives."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from clips_made import Recipe, Track, clicks, numbered_pictures, shifted, turned, write_clip

T, H, W = 12, 208, 224
"""Large enough to be copied as it is, packet by packet."""

SMALL_H, SMALL_W = 48, 64
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_SOUND = Track(clicks(0.4, rate_hz=16_000, channels=1), rate_hz=16_000, layout="mono")
_PLAIN = Recipe(
    rate=Fraction(30), options={"crf": "30", "preset": "veryfast", "g": "6", "bf": "0"}, matrix=1,
    range=1,
)  # fmt: skip
_UNEVEN = [0, 30, 65, 140, 150, 160, 260, 300, 333, 400, 401, 520]


def clip_seeds() -> dict[str, bytes]:
    """Every whole clip, by what is special about it."""
    with tempfile.TemporaryDirectory(prefix="apixo-seeds-") as folder:
        return dict(_clips(Path(folder)))


def _clips(folder: Path):
    plain = _written(replace(_PLAIN, sound=_SOUND, container={"movflags": "faststart"}), H, W)
    yield "h264 and aac", plain
    yield "index last", _written(replace(_PLAIN, sound=_SOUND), H, W)
    yield "fragmented", _written(replace(_PLAIN, sound=_SOUND, container=_FRAGMENTS), H, W)
    ordered = {**_PLAIN.options, "bf": "2"}
    yield "out of order", _written(replace(_PLAIN, sound=_SOUND, options=ordered), H, W)
    source, target = folder / "whole.mp4", folder / "shifted.mp4"
    source.write_bytes(plain)
    yield "edit list", shifted(source, target, Fraction(1, 10)).read_bytes()
    yield "rotated", turned(source, 90).read_bytes()
    small = replace(_PLAIN, sound=_SOUND)
    yield "small", _written(small, SMALL_H, SMALL_W)
    deep = replace(small, pixel_format="yuv420p10le")
    yield "10 bit", _written(deep, SMALL_H, SMALL_W)
    uneven = replace(small, stamps=_UNEVEN, time_base=Fraction(1, 1000))
    yield "variable rate", _written(uneven, SMALL_H, SMALL_W)
    yield "wide pixels", _written(replace(small, pixel_aspect=Fraction(4, 3)), SMALL_H, SMALL_W)
    loud = replace(_SOUND, codec="pcm_s16le", format="s16")
    yield "mov with pcm", _written(replace(small, sound=loud), SMALL_H, SMALL_W, format="mov")
    for codec in ("libx265", "libvpx-vp9", "mpeg4", "mjpeg"):
        if codec in av.codecs_available:
            yield codec, _written(_other(codec), SMALL_H, SMALL_W)


def _other(codec: str) -> Recipe:
    options = {"libx265": {"x265-params": "log-level=none"}, "libvpx-vp9": {"cpu-used": "8"}}
    form = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    return replace(_PLAIN, codec=codec, pixel_format=form, options=options.get(codec, {}),
                   sound=_SOUND)  # fmt: skip


def _written(recipe: Recipe, height: int, width: int, *, format: str = "mp4") -> bytes:
    with tempfile.TemporaryDirectory(prefix="apixo-seed-") as folder:  # the index is moved in it
        target = Path(folder) / f"clip.{format}"
        write_clip(target, numbered_pictures(T, height, width), recipe)
        return target.read_bytes()


def picture_seeds() -> dict[str, bytes]:
    """Whole pictures of every kind that the service takes."""
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (6, 7, 4), np.uint8)
    rgba = cv2.resize(coarse, (56, 48), interpolation=cv2.INTER_CUBIC)
    rgb = np.ascontiguousarray(rgba[..., :3])
    kinds = {
        "png": (".png", rgb, []),
        "png with alpha": (".png", rgba, []),
        "png of 16 bits": (".png", rgb.astype(np.uint16) * 257, []),
        "grey png": (".png", rgb[..., 0], []),
        "jpeg": (".jpg", rgb, []),
        "progressive jpeg": (".jpg", rgb, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        "webp": (".webp", rgb, []),
        "webp without loss": (".webp", rgba, [cv2.IMWRITE_WEBP_QUALITY, 101]),
    }
    made = {}
    for name, (ending, pixels, options) in kinds.items():
        good, data = cv2.imencode(ending, pixels, options)
        assert good
        made[name] = data.tobytes()
    return made
