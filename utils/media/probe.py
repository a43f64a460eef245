"""What a file says of itself, without decoding more than one frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame

from ..errors import DecodeError
from .colour import Matrix, colour_of
from .container import OpenClip
from .ending import ending_of, is_still
from .geometry import geometry_of, square_size
from .reader import Reader
from .scan import Scan, rates_of, scan
from .types import Size
from .wholeness import missing_bytes


@dataclass(frozen=True)
class SoundInfo:
    """The sound of a file.

    Attributes:
        codec: FFmpeg's name of it, such as "aac".
        sample_rate_hz: Samples per second and channel.
        channels: How many.
    """

    codec: str
    sample_rate_hz: int
    channels: int


@dataclass(frozen=True)
class ClipInfo:
    """A clip as its file describes it.

    Attributes:
        container: FFmpeg's names of the format, such as "mov,mp4,m4a,3gp,3g2,mj2".
        ending: The ending of such a file's name, as in ".mp4".
        is_still: Whether it is one picture and no clip.
        codec: FFmpeg's name, such as "h264".
        pixel_format: FFmpeg's name, such as "yuv420p".
        bit_depth: Bits of one component.
        size: As shown: turned, with square pixels.
        coded_size: As stored.
        rotation: Degrees against the clock by which a frame must be turned: 0, 90, 180 or 270.
        square_pixels: Whether the stored pixels are square.
        frame_rate: Frames per second; the rate of the grid where it varies.
        frame_count: How many frames are shown; None where the header does not say.
        duration_s: How long the picture lasts.
        constant_rate: Whether the frames come evenly; None where that was not looked at.
        matrix: The colour matrix by which the frames are read.
        full_range: Whether black is stored as 0, not 16.
        sound: The sound that would be decoded, or None.
    """

    container: str
    ending: str
    is_still: bool
    codec: str
    pixel_format: str
    bit_depth: int
    size: Size
    coded_size: Size
    rotation: int
    square_pixels: bool
    frame_rate: Fraction
    frame_count: int | None
    duration_s: float
    constant_rate: bool | None
    matrix: Matrix
    full_range: bool
    sound: SoundInfo | None


def probe(source: Path | BytesIO, *, exact: bool = False) -> ClipInfo:
    """Describe a clip.

    Args:
        source: A path, or the file's content.
        exact: Read every packet, so that count, duration and constancy are facts, not claims.

    Raises:
        DecodeError: The file is absent, or not a clip.
    """
    with OpenClip(source) as file:
        found = scan(file.container, file.picture) if exact or _is_vague(file) else None
        if found is not None:
            file.rewind(found.first_dts)
        return _info(file, _first_frame(file), found)


def verify(source: Path | BytesIO) -> ClipInfo:
    """Make sure that a file is a whole clip: read all of it, decode its first and last frame.

    Raises:
        DecodeError: It is absent, not a clip, cut short or damaged.
    """
    with OpenClip(source) as file:
        found = scan(file.container, file.picture)
        lacking = missing_bytes(source)
        if found.damaged or lacking:
            what = f"{lacking} bytes are missing" if lacking else "it cannot be read to its end"
            message = f"The clip is not whole: {what}. Save or download it again."
            raise DecodeError(message)
        file.rewind(found.first_dts)
        info = _info(file, _first_frame(file), found)
        _check_last_frame(file, found)
        return info


def _is_vague(file: OpenClip) -> bool:
    """Whether the header does not even say how long the clip is."""
    stream = file.picture
    return not (stream.duration or file.container.duration or stream.frames)


def _check_last_frame(file: OpenClip, found: Scan) -> None:
    file.rewind(found.last_key)
    reader = Reader(file, hear=False, stop=None)
    seen = {frame.pts for frame in reader}
    if reader.damage or (found.stamped and max(found.stamps) not in seen):
        what = reader.damage or "its last picture does not come"
        raise DecodeError(f"The clip is damaged near its end ({what}). Save or download it again.")


def _first_frame(file: OpenClip) -> VideoFrame:
    reader = Reader(file, hear=False, stop=None)
    for frame in reader:
        if isinstance(frame, VideoFrame):
            return frame
    what = f" ({reader.damage})" if reader.damage else ""
    message = f"Not one picture of the clip can be decoded{what}. Export it again as H.264."
    raise DecodeError(message)


def _info(file: OpenClip, frame: VideoFrame, found: Scan | None) -> ClipInfo:
    stream = file.picture
    geometry = geometry_of(stream, frame)
    coded = Size(frame.width, frame.height)
    colour = colour_of(frame)
    rate, count, duration_s, constant = _timing(file, found)
    kind, codec = file.container.format.name, stream.codec_context.name
    brand = file.container.metadata.get("major_brand", "")
    return ClipInfo(
        container=kind,
        ending=ending_of(kind, codec=codec, brand=brand),
        is_still=is_still(kind, codec=codec, brand=brand, frame_count=count),
        codec=codec,
        pixel_format=frame.format.name,
        bit_depth=max(component.bits for component in frame.format.components),
        size=geometry.size,
        coded_size=coded,
        rotation=90 * geometry.turns,
        square_pixels=square_size(coded, stream.sample_aspect_ratio) == coded,
        frame_rate=rate,
        frame_count=count,
        duration_s=duration_s,
        constant_rate=constant,
        matrix=colour.matrix,
        full_range=colour.full,
        sound=_sound_info(file.sound),
    )


def _timing(file: OpenClip, found: Scan | None) -> tuple[Fraction, int | None, float, bool | None]:
    if found is not None and found.count:
        timeline = found.timeline(file.picture)
        count = len(timeline.shown)
        return timeline.rate, count, float(count / timeline.rate), not timeline.variable
    stream = file.picture
    rate = next(iter(rates_of(stream)), Fraction(25))
    if stream.duration and stream.time_base:
        duration_s = float(stream.duration * stream.time_base)
    elif file.container.duration:
        duration_s = file.container.duration / av.time_base
    else:
        duration_s = float(stream.frames / rate)
    return rate, stream.frames or None, duration_s, None


def _sound_info(stream: AudioStream | None) -> SoundInfo | None:
    if stream is None:
        return None
    context = stream.codec_context
    return SoundInfo(context.name, stream.sample_rate or 0, len(stream.layout.channels))
