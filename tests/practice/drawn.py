"""Pictures and clips that the tests draw for themselves."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import cv2
import numpy as np


def make_picture(path, width=256, height=384, *, alpha=False, noise=False):
    """An orange figure on white, or on noise, or on nothing."""
    picture = np.full((height, width, 4), 255, np.uint8)
    if noise:
        rng = np.random.default_rng(3)
        picture[..., :3] = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
    if alpha:
        picture[..., 3] = 0
    centre = (width // 2, height // 2)
    axes = (width // 4, height // 2 - 12)
    cv2.ellipse(picture, centre, axes, 0, 0, 360, (40, 130, 250, 255), -1)
    cv2.imwrite(str(path), picture if alpha else picture[..., :3])
    return path


def make_clip(
    path,
    *,
    size=(416, 240),
    count=24,
    rate=Fraction(24),
    sound="aac",
    moving=True,
    figure_px=0,
    pixel_aspect=None,
):
    """A dark figure that crosses a soft ground; `sound` is a codec or ""."""
    width, height = size
    rng = np.random.default_rng(2)
    small = rng.integers(90, 180, (5, 8, 3), dtype=np.uint8)
    ground = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        track = container.add_stream(sound, rate=48000, layout="stereo") if sound else None
        for index in range(count):
            pixels = ground.copy()
            x = int(width * (0.15 + 0.7 * (index / max(1, count - 1) if moving else 0.5)))
            top, low = int(height * 0.3), int(height * 0.9)
            half = figure_px // 2 or width // 20
            cv2.rectangle(pixels, (x - half, top), (x + half, low), (20, 20, 30), -1)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track:
            length = int(48000 * count / rate)
            tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(length) / 48000)
            samples = np.stack([tone, tone]).astype(np.float32)
            step = 1152
            for start in range(0, length, step):
                part = np.ascontiguousarray(samples[:, start : start + step])
                made = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                made.sample_rate, made.pts = 48000, start
                container.mux(track.encode(made))
            container.mux(track.encode(None))
    return path


def turn(path):
    """Tell players to show a clip turned by 90° clockwise: the matrix of its first track."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    matrix = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    data[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    return path


def frames_of(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
