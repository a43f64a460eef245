"""Clips made by the tests: every frame carries its number, every sound its time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np

_BITS = 7


@dataclass(frozen=True)
class Track:
    """Sound to write: shape (C, T), −1…1; `start` in samples after the file's zero."""

    waveform: np.ndarray
    rate_hz: int = 48_000
    codec: str = "aac"
    layout: str = "stereo"
    start: int = 0
    format: str = "fltp"


@dataclass(frozen=True)
class Recipe:
    """How a clip is written."""

    rate: Fraction = Fraction(30)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"crf": "6", "preset": "ultrafast"})
    container: dict[str, str] = field(default_factory=dict)
    stamps: Sequence[int] | None = None
    time_base: Fraction | None = None
    matrix: int | None = None
    range: int | None = None
    pixel_aspect: Fraction | None = None
    sound_first: bool = False
    sound: Track | None = None


def numbered(number: int, height: int, width: int) -> np.ndarray:
    """An RGB picture that carries a number as bars in its upper half; the lower left is red."""
    picture = np.full((height, width, 3), 96, np.uint8)
    for bit in range(_BITS):
        left, right = bit * width // _BITS, (bit + 1) * width // _BITS
        picture[: height // 2, left:right] = 235 if number >> bit & 1 else 16
    picture[height // 2 :, : width // 2] = (200, 40, 40)
    return picture


def number_of(frame: np.ndarray) -> int:
    """The number a picture carries; shape (H, W, 3), 0…1."""
    height, width = frame.shape[:2]
    band = np.asarray(frame[height // 8 : 3 * height // 8]).mean((0, 2))
    centres = [(2 * bit + 1) * width // (2 * _BITS) for bit in range(_BITS)]
    return sum(int(band[centre] > 0.5) << bit for bit, centre in enumerate(centres))


def numbers_of(frames) -> list[int]:
    """The numbers of all frames of a tensor."""
    return [number_of(frame) for frame in np.asarray(frames)]


def numbered_pictures(count: int, height: int, width: int) -> list[np.ndarray]:
    """Pictures 0…count−1."""
    return [numbered(number, height, width) for number in range(count)]


def clicks(seconds: float, *, rate_hz: int = 48_000, channels: int = 2, every_s: float = 0.5):
    """Short bursts at 0, `every_s`, …: each starts with its largest sample."""
    waveform = np.zeros((channels, round(seconds * rate_hz)), np.float32)
    burst = 0.8 * np.exp(-np.arange(rate_hz // 200) / (rate_hz / 1500)).astype(np.float32)
    at = 0.0
    while round(at * rate_hz) < waveform.shape[1]:
        first = round(at * rate_hz)
        piece = burst[: waveform.shape[1] - first]
        waveform[:, first : first + len(piece)] = piece
        at += every_s
    return waveform


def click_starts(waveform, *, threshold: float = 0.4) -> list[int]:
    """Samples at which bursts start."""
    loud = np.abs(np.asarray(waveform)[0]) > threshold
    rising = np.flatnonzero(loud & ~np.concatenate([[False], loud[:-1]]))
    return [int(at) for n, at in enumerate(rising) if n == 0 or at - rising[n - 1] > 1000]


def frame_of(planes: Sequence[np.ndarray], pixel_format: str) -> av.VideoFrame:
    """A frame of exactly these planes; uint8, or uint16 for deep formats."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
        rows[:, : values.shape[1]] = values
        plane.update(rows.tobytes())
    return frame


def write_clip(
    target: Path | BytesIO,
    pictures: Iterable[np.ndarray | av.VideoFrame],
    recipe: Recipe | None = None,
    *,
    format: str | None = None,
) -> Path | BytesIO:
    """Write pictures (RGB arrays, or frames as they are) and sound."""
    recipe = recipe or Recipe()
    place = target if isinstance(target, BytesIO) else str(target)
    if isinstance(target, BytesIO) and format is None:
        format = "mp4"
    with av.open(place, "w", format=format, container_options=recipe.container) as output:
        packets = []
        stream = None
        for index, picture in enumerate(pictures):
            frame = picture if isinstance(picture, av.VideoFrame) else _yuv(picture, recipe)
            if stream is None:
                sound = _sound_stream(output, recipe.sound) if recipe.sound_first else None
                stream = _video_stream(output, frame, recipe)
                sound = sound or _sound_stream(output, recipe.sound)
            if recipe.stamps is not None:
                frame.pts = recipe.stamps[index]
                frame.time_base = recipe.time_base
            else:
                frame.pts = None
            packets += stream.encode(frame)
        packets += stream.encode(None)
        packets += _sound_packets(sound, recipe.sound)
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        output.mux(packets)
    if isinstance(target, BytesIO):
        target.seek(0)
    return target


def _yuv(picture: np.ndarray, recipe: Recipe) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return frame.reformat(format=recipe.pixel_format)


def _video_stream(output, frame: av.VideoFrame, recipe: Recipe):
    stream = output.add_stream(recipe.codec, rate=recipe.rate)
    stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
    stream.options = recipe.options
    context = stream.codec_context
    if recipe.time_base is not None:
        context.time_base = recipe.time_base
    if recipe.matrix is not None:
        context.colorspace = recipe.matrix
    if recipe.range is not None:
        context.color_range = recipe.range
    if recipe.pixel_aspect is not None:
        context.sample_aspect_ratio = recipe.pixel_aspect
    return stream


def _sound_stream(output, track: Track | None):
    if track is None:
        return None
    stream = output.add_stream(track.codec, rate=track.rate_hz, layout=track.layout)
    stream.codec_context.time_base = Fraction(1, track.rate_hz)
    return stream


def _sound_packets(stream, track: Track | None) -> list:
    if track is None:
        return []
    packets = []
    for at in range(0, track.waveform.shape[1], 1024):
        piece = np.ascontiguousarray(track.waveform[:, at : at + 1024])
        if track.format in ("s16", "s32"):
            top = 2 ** (15 if track.format == "s16" else 31)
            kind = np.int16 if track.format == "s16" else np.int32
            piece = np.rint(piece.T.astype(np.float64) * (top - 1)).astype(kind).reshape(1, -1)
        if track.format == "flt":
            piece = np.ascontiguousarray(piece.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, format=track.format, layout=track.layout)
        frame.sample_rate = track.rate_hz
        frame.time_base = Fraction(1, track.rate_hz)
        frame.pts = at + track.start
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def turned(path: Path, degrees: int, *, mirrored: bool = False) -> Path:
    """Write a display matrix into an MP4: its pictures are to be turned against the clock."""
    content = bytearray(path.read_bytes())
    one = 1 << 16
    turns = {0: (1, 0, 0, 1), 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}
    a, b, c, d = turns[degrees]
    if mirrored:
        a, b = -a, -b
    matrix = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    at = content.index(b"tkhd") + 4 + 40
    content[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(bytes(content))
    return path


def shifted(source: Path, target: Path, seconds: Fraction) -> Path:
    """The same packets `seconds` earlier: an MP4 then hides the first ones by an edit list."""
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        streams = {
            stream.index: writing.add_stream_from_template(stream, opaque=True)
            for stream in reading.streams
        }
        for packet in reading.demux():
            if packet.dts is None:
                continue
            ticks = round(seconds / packet.time_base)
            packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
            packet.stream = streams[packet.stream_index]
            writing.mux(packet)
    return target
