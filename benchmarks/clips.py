"""Textured clips to measure with, made once a run: moving, grained, with sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

FRAME_RATE = Fraction(30)
SAMPLE_RATE_HZ = 48_000
GRAIN = 3.5


def texture(width: int, height: int, *, seed: int = 7) -> np.ndarray:
    """A wall of detail at every scale, larger than the picture, float32, about 0…255."""
    random = np.random.default_rng(seed)
    shape = (height + 256, width + 256, 3)
    wall = np.full(shape, 128, np.float32)
    for scale, strength in ((128, 34), (48, 26), (16, 18), (6, 10), (2, 5)):
        small = random.normal(0, 1, (shape[0] // scale + 2, shape[1] // scale + 2, 3))
        layer = cv2.resize(small.astype(np.float32), (shape[1], shape[0]), interpolation=2)
        wall += strength * layer
    return wall


def pictures(width: int, height: int, count: int):
    """Yield uint8 RGB: the wall drifts by, a disc crosses it, fine grain lies over all."""
    wall = texture(width, height)
    random = np.random.default_rng(11)
    grain = [random.normal(0, GRAIN, (height, width, 1)).astype(np.float32) for _ in range(8)]
    for index in range(count):
        x = 128 + 100 * np.sin(index / 40)
        y = 128 + 100 * np.cos(index / 55)
        shift = np.float32([[1, 0, -x], [0, 1, -y]])
        view = cv2.warpAffine(wall, shift, (width, height), flags=cv2.INTER_LINEAR)
        centre = (int(width * (0.5 + 0.4 * np.sin(index / 17))), height // 2)
        cv2.circle(view, centre, height // 5, (210, 90, 40), -1, cv2.LINE_AA)
        view += grain[index % len(grain)]
        yield np.clip(np.rint(view), 0, 255).astype(np.uint8)


def tone(seconds: float) -> np.ndarray:
    """Two channels of sweeping sound, float32, −1…1."""
    times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    left = 0.3 * np.sin(2 * np.pi * (220 + 30 * times) * times)
    right = 0.2 * np.sin(2 * np.pi * 330 * times) + 0.05 * np.sin(2 * np.pi * 4000 * times)
    return np.stack([left, right]).astype(np.float32)


def write_clip(target: Path, *, width: int, height: int, seconds: float) -> Path:
    """Write an H.264 MP4, 709-tagged, limited range, with AAC sound, as a service would."""
    with av.open(str(target), "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "18", "preset": "veryfast", "colorprim": "bt709"}
        stream.codec_context.color_range = 1
        stream.codec_context.colorspace = 1
        stream.codec_context.color_primaries = 1
        stream.codec_context.color_trc = 1
        sound = output.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo")
        for rgb in pictures(width, height, round(seconds * FRAME_RATE)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            yuv = frame.reformat(
                format="yuv420p", src_colorspace=5, dst_colorspace=1, dst_color_range=1
            )
            yuv.colorspace, yuv.color_range = 1, 1
            output.mux(stream.encode(yuv))
        output.mux(stream.encode(None))
        waveform = tone(seconds)
        for at in range(0, waveform.shape[1], 1024):
            piece = np.ascontiguousarray(waveform[:, at : at + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, at
            frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    return target
