"""What a file says of itself, without decoding more than one frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.video.frame import VideoFrame

from ..errors import DecodeError
from .container import OpenClip
from .ending import ending_of, is_still
from .geometry import geometry_of
from .reader import Reader
from .scan import Scan, rates_of, scan
from .types import Size
from .wholeness import missing_bytes


@dataclass(frozen=True)
class ClipInfo:
    """A clip as its file describes it.

    Attributes:
        container: FFmpeg's names of the format, such as "mov,mp4,m4a,3gp,3g2,mj2".
        ending: The ending of such a file's name, as in ".mp4".
        is_still: Whether it is one picture and no clip.
        size: As shown: turned, with square pixels.
        frame_rate: Frames per second; the rate of the grid where it varies.
        frame_count: How many frames are shown; None where the header does not say.
        duration_s: How long the picture lasts.
        has_sound: Whether there is sound that would be decoded.
    """

    container: str
    ending: str
    is_still: bool
    size: Size
    frame_rate: Fraction
    frame_count: int | None
    duration_s: float
    has_sound: bool


def probe(source: Path | BytesIO, *, exact: bool = False) -> ClipInfo:
    """Describe a clip.

    Args:
        source: A path, or the file's content.
        exact: Read every packet, so that count and duration are facts, not claims.

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
        what = reader.damage or "its last frame cannot be decoded"
        raise DecodeError(f"The clip is damaged near its end ({what}). Save or download it again.")


def _first_frame(file: OpenClip) -> VideoFrame:
    reader = Reader(file, hear=False, stop=None)
    for frame in reader:
        if isinstance(frame, VideoFrame):
            return frame
    what = f" ({reader.damage})" if reader.damage else ""
    message = f"No frame of the clip can be decoded{what}. Export it again as H.264."
    raise DecodeError(message)


def _info(file: OpenClip, frame: VideoFrame, found: Scan | None) -> ClipInfo:
    rate, count, duration_s = _timing(file, found)
    kind, codec = file.container.format.name, file.picture.codec_context.name
    brand = file.container.metadata.get("major_brand", "")
    return ClipInfo(
        container=kind,
        ending=ending_of(kind, codec=codec, brand=brand),
        is_still=is_still(kind, codec=codec, brand=brand, frame_count=count),
        size=geometry_of(file.picture, frame).size,
        frame_rate=rate,
        frame_count=count,
        duration_s=duration_s,
        has_sound=file.sound is not None,
    )


def _timing(file: OpenClip, found: Scan | None) -> tuple[Fraction, int | None, float]:
    if found is not None and found.count:
        timeline = found.timeline(file.picture)
        count = len(timeline.shown)
        return timeline.rate, count, float(count / timeline.rate)
    stream = file.picture
    rate = next(iter(rates_of(stream)), Fraction(25))
    if stream.duration and stream.time_base:
        duration_s = float(stream.duration * stream.time_base)
    elif file.container.duration:
        duration_s = file.container.duration / av.time_base
    else:
        duration_s = float(stream.frames / rate)
    return rate, stream.frames or None, duration_s
