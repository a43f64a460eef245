"""The pictures and the sound of a clip that is a file, or of the window of one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import DecodeError
from . import envelope
from .colour import Colour, Matrix, colour_of
from .container import OpenClip, clock_origin, is_indexed, open_clip, reason, sound_stream
from .geometry import Geometry, geometry_of
from .opencv import opencv
from .pcm import Pcm, pcm_of
from .pixels import Floats, Pixels8
from .plan import Plan, make_plan
from .planes import to_rgb
from .reader import Reader
from .scaling import fitted
from .scan import Scan, scan
from .selection import ALL
from .sound import unit_samples
from .types import FileClip, Size
from .wholeness import missing_bytes
from .yuv import YuvFrames

# Stamps that are this far off are rounding of the container; beyond it there is a gap.
_GAP_S = Fraction(3, 100)
_SENT = Colour(Matrix.BT709, False)
_HDR_TRANSFERS = frozenset({16, 18})  # ITU-T H.273: PQ, HLG


class FileFootage:
    """A file, decoded as it is read; what it holds is known from its packets before.

    Raises:
        DecodeError: The file is absent, not a clip, damaged at its start, or its window is empty.
    """

    def __init__(self, clip: FileClip, *, stop: Event | None = None) -> None:
        self._clip = clip
        self._stop = stop
        with OpenClip(clip.source) as file:
            self._found = scanned(file.container, file.picture, stop)
            self._plan = _plan(clip, file, self._found)
            file.rewind(self._found.first_dts)
            frame = _first_frame(file, stop)
            self._geometry = geometry_of(file.picture, frame)
            self._is_hdr = int(file.picture.codec_context.color_trc) in _HDR_TRANSFERS
        if self._plan.reaches_end and (self._found.damaged or missing_bytes(clip.source)):
            raise _damaged("it is cut off", self._plan, len(self._plan.slots))

    @property
    def size(self) -> Size:
        """Extent of each picture, as displayed."""
        return self._geometry.size

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second, constant."""
        return envelope.frame_rate(self._plan.frame_rate)

    @property
    def frame_count(self) -> int:
        """How many pictures there are."""
        return len(self._plan.slots)

    def frames(self, size: Size) -> Generator[VideoFrame, None, None]:
        """Yield each picture in the form of H.264; the same one again where the rate asks for it.

        Raises:
            DecodeError: The file is damaged.
        """
        picture = _Picture(self._geometry, size)
        written = 0
        last: VideoFrame | None = None
        with OpenClip(self._clip.source) as file:
            file.rewind(self._entry())
            reader = Reader(file, hear=False, stop=self._stop, held_back=self._found.stamped)
            for number, frame in enumerate(reader):
                stamp = frame.pts if self._found.stamped else number
                place = None if stamp is None else self._plan.places.get(stamp)
                if place is None or not isinstance(frame, VideoFrame):
                    continue
                first, count = place
                made = picture.made(frame)
                # a picture that never came is held by the one before it, or the first that came
                for _ in range(written, first):
                    yield last or made
                for _ in range(count):
                    yield made
                last, written = made, first + count
                if written >= self.frame_count:
                    return
        if last is None or reader.damage:
            raise _damaged(reader.damage or "no picture comes", self._plan, written)
        for _ in range(written, self.frame_count):
            yield last

    def sound(self) -> Pcm | None:
        """The sound that takes the place of the file's own, or that."""
        if self._clip.sound is not None:
            return pcm_of(self._clip.sound)
        return file_sound(self._clip.source, self._plan.start_s, entry=self._entry())

    def warnings(self) -> tuple[str, ...]:
        """What was changed on the way."""
        found: list[str] = []
        if self._plan.timeline.variable:
            found.append(
                f"The clip's frame rate varies; it was laid out to {float(self.frame_rate):g} "
                "frames per second."
            )
        if self._is_hdr:
            found.append(
                "The clip is HDR and was brought to 8 bits without tone mapping; "
                "if it looks pale, export it as SDR."
            )
        return tuple(found)

    def _entry(self) -> int:
        """The key frame from which the first picture wanted can be decoded."""
        first = min(self._plan.places)
        if not self._found.stamped or first == self._plan.timeline.stamps[0]:
            return self._found.first_dts
        return first


class _Picture:
    """Decoded frames to frames of H.264, in one size."""

    def __init__(self, geometry: Geometry, size: Size) -> None:
        self._geometry = geometry
        self._size = size
        self._yuv = YuvFrames(size)

    def made(self, frame: VideoFrame) -> VideoFrame:
        """One frame, turned and scaled; as it is where it is in that form already."""
        own = Size(frame.width, frame.height)
        plain = frame.format.name == "yuv420p" and colour_of(frame) == _SENT
        if plain and own == self._size == self._geometry.size and not self._geometry.turns:
            return self._yuv.of_planes(frame)
        rgb = _eight_bits(to_rgb(frame))
        return self._yuv.of_levels(fitted(self._geometry.apply(rgb), self._size))


def file_sound(source: Path | BytesIO, start_s: Fraction, *, entry: int) -> Pcm | None:
    """A file's own sound as a stream.

    Args:
        source: The file.
        start_s: The time of sample 0, on the file's own clock.
        entry: The same or an earlier time in the ticks of the picture, where reading starts.

    Returns:
        None where there is no sound that can be decoded.
    """
    with open_clip(source) as container:
        stream = sound_stream(container)
        if stream is None:
            return None
        rate_hz = int(stream.codec_context.sample_rate)
        channels = len(stream.codec_context.layout.channels)
    if rate_hz <= 0 or channels <= 0:
        return None
    frames = _sound_frames(source, entry)
    return Pcm(rate_hz, channels, _samples(frames, start_s, rate_hz=rate_hz, channels=channels))


def _samples(
    frames: Iterator[AudioFrame], start_s: Fraction, *, rate_hz: int, channels: int
) -> Iterator[Floats]:
    """Samples from `start_s` on; silence where the file has a hole."""
    written = 0
    cursor: int | None = None
    for frame in frames:
        if frame.sample_rate != rate_hz:
            continue
        samples = _as_many(unit_samples(frame), channels)
        at = _position(frame, start_s, cursor)
        cursor = end = at + int(samples.shape[1])
        if at > written:
            yield np.zeros((channels, at - written), np.float32)
            written = at
        if end > written:
            yield samples[:, written - at :]
            written = end


def _position(frame: AudioFrame, start_s: Fraction, cursor: int | None) -> int:
    """The sample at which a frame starts; frames that follow each other stay seamless."""
    if frame.pts is None or frame.time_base is None:
        return cursor or 0
    rate_hz = frame.sample_rate
    stamped = round((frame.pts * Fraction(frame.time_base) - start_s) * rate_hz)
    if cursor is None or abs(stamped - cursor) > _GAP_S * rate_hz:
        return stamped
    return cursor


def _as_many(samples: Floats, channels: int) -> Floats:
    """The same channels all the time: those that a part of the file lacks are silent there."""
    own = samples.shape[0]
    if own < channels:
        return np.pad(samples, ((0, channels - own), (0, 0)))
    return samples[:channels]


def _sound_frames(source: Path | BytesIO, entry: int) -> Iterator[AudioFrame]:
    """Decoded sound; the first packets of a recording cut out of another often cannot be read."""
    heard = False
    with OpenClip(source) as file:
        file.rewind(entry)
        stream = file.sound
        if stream is None:
            return
        for packet in file.container.demux(stream):
            try:
                frames = stream.decode(packet)
            except FFmpegError as error:
                if heard:
                    raise DecodeError(
                        f"The clip's sound is damaged ({reason(error)}). "
                        "Save or download it again, or leave the sound out."
                    ) from error
                continue
            heard = heard or bool(frames)
            yield from frames


def scanned(container: InputContainer, stream: VideoStream, stop: Event | None) -> Scan:
    """What the packets say; their stamps only where these are times of being shown.

    An AVI stamps pictures that are stored out of order as if they were in order.
    """
    found = scan(container, stream, stop=stop)
    if is_indexed(container) or not stream.codec_context.has_b_frames:
        return found
    if found.stamps == sorted(found.stamps):
        return replace(found, stamped=False)
    return found


def _plan(clip: FileClip, file: OpenClip, found: Scan) -> Plan:
    if not found.count:
        raise DecodeError("The file holds not one picture. Save or download it again.")
    return make_plan(
        found.timeline(file.picture),
        ALL,
        origin_s=clock_origin(file.container),
        start_s=clip.start_s,
        duration_s=clip.duration_s,
    )


def _first_frame(file: OpenClip, stop: Event | None) -> VideoFrame:
    reader = Reader(file, hear=False, stop=stop)
    for frame in reader:
        if isinstance(frame, VideoFrame):
            return frame
    what = f" ({reader.damage})" if reader.damage else ""
    raise DecodeError(
        f"Not one picture of the clip can be decoded{what}. Export it again as H.264."
    )


def _eight_bits(rgb: Any) -> Pixels8:
    if rgb.dtype == np.uint8:
        return rgb
    height, width, _ = rgb.shape
    flat = opencv().convertScaleAbs(rgb.reshape(height, -1), alpha=255 / np.iinfo(rgb.dtype).max)
    return flat.reshape(height, width, 3)


def _damaged(what: str, plan: Plan, written: int) -> DecodeError:
    second = float(plan.start_s - plan.timeline.start_s + written / plan.frame_rate)
    return DecodeError(
        f"The clip is damaged at {second:.2f} s ({what}), after {written} of "
        f"{len(plan.slots)} frames. Save or download it again, or trim it to end before that."
    )
