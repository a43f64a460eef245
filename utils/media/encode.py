"""A clip as the MP4 that the service takes: H.264 High, 4:2:0, BT.709, constant rate, AAC."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet

from ..errors import EncodeError
from . import envelope
from .aac import sound_track
from .ahead import ahead
from .filefootage import FileFootage
from .footage import Footage, FramesFootage
from .mp4 import open_mp4, write_packets
from .pcm import exactly
from .scaling import fitted
from .types import Clip, FramesClip, Size
from .yuv import BT709, YuvFrames

Progress = Callable[[int, "int | None"], None]

GOP_S = 2
QUEUE_FRAMES = 3
CRF_MOST = 38
LIMITED_RANGE = 1


@dataclass(frozen=True)
class EncodeOptions:
    """How a clip is written.

    Attributes:
        max_pixels: The most pixels a frame can use at the asked resolution; None for no limit.
        limit_bytes: The largest file wanted; quality falls until it fits.
        keep_sound: Whether the sound is written.
        crf: x264's quality to begin with; lower is better.
        preset: x264's preset.
    """

    max_pixels: int | None = None
    limit_bytes: int = envelope.CLIP_LIMIT_BYTES
    keep_sound: bool = True
    crf: int = 18
    preset: str = "veryfast"


@dataclass(frozen=True)
class EncodedClip:
    """A file ready to be sent.

    Attributes:
        path: Where it lies.
        size: Extent of its pictures.
        frame_rate: Frames per second, exact.
        frame_count: How many pictures.
        duration_s: Their length in seconds.
        size_bytes: Of the whole file.
        has_sound: Whether it has a sound track.
        remuxed: Whether its packets are the source's own, unchanged.
        warnings: One sentence for each thing that was changed.
    """

    path: Path
    size: Size
    frame_rate: Fraction
    frame_count: int
    duration_s: float
    size_bytes: int
    has_sound: bool
    remuxed: bool
    warnings: tuple[str, ...] = field(default=())


def encode_clip(
    clip: Clip,
    target: Path,
    *,
    options: EncodeOptions | None = None,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> EncodedClip:
    """Write a clip as the file that the service takes, with its packets unchanged where it is one.

    Args:
        clip: Frames in memory, or a file or the window of one.
        target: The file to write; it appears whole or not at all.
        options: How; the defaults are nearly transparent.
        stop: Ends the work early.
        progress: Told of each frame: how many are done, and of how many if that is known.

    Raises:
        InputError: The clip is empty, has no frame rate, or its shape is refused.
        DecodeError: The file is not a clip, or damaged.
        EncodeError: It cannot be written, or not in so few bytes.
        Stopped: `stop` was set.
    """
    options = options or EncodeOptions()
    footage: Footage = FramesFootage(clip) if isinstance(clip, FramesClip) else FileFootage(clip)
    size = envelope.clip_size(footage.size, max_pixels=options.max_pixels)
    crf = options.crf
    while True:
        job = _Job(footage, size, crf=crf, options=options)
        try:
            return job.run(target, stop=stop, progress=progress)
        except _TooLargeError as error:
            if crf >= CRF_MOST:
                raise EncodeError(
                    f"The clip does not fit into {options.limit_bytes / 1e6:.0f} MB even in low "
                    "quality. Trim it, or use a host that takes larger files."
                ) from None
            crf = min(CRF_MOST, crf + max(2, math.ceil(6 * math.log2(error.times))))


class _TooLargeError(Exception):
    """More bytes than allowed.

    Attributes:
        times: The size of the file beside the limit, as far as one can tell.
    """

    def __init__(self, times: float) -> None:
        super().__init__()
        self.times = times


class _Job:
    """One attempt at one quality."""

    def __init__(self, footage: Footage, size: Size, *, crf: int, options: EncodeOptions) -> None:
        self._footage = footage
        self._size = size
        self._crf = crf
        self._options = options
        self._done = 0

    def run(self, target: Path, *, stop: Event | None, progress: Progress | None) -> EncodedClip:
        footage, limit = self._footage, self._options.limit_bytes
        written = 0
        with open_mp4(target) as output, ahead(self._frames(), depth=QUEUE_FRAMES) as frames:
            tracks = [self._video(output, frames)]
            pcm = footage.sound() if self._options.keep_sound else None
            if pcm is not None:
                if footage.frame_count is not None:
                    seconds = footage.frame_count / footage.frame_rate
                    pcm = exactly(pcm, round(seconds * pcm.sample_rate_hz))
                tracks.append(sound_track(output, pcm))
            for packet in write_packets(output, *tracks, stop=stop):
                written += packet.size
                if written > limit:
                    raise _TooLargeError(2.0)
                if progress is not None:
                    progress(self._done, footage.frame_count)
        return EncodedClip(
            path=target,
            size=self._size,
            frame_rate=footage.frame_rate,
            frame_count=self._done,
            duration_s=float(self._done / footage.frame_rate),
            size_bytes=target.stat().st_size,
            has_sound=pcm is not None,
            remuxed=False,
            warnings=footage.warnings(),
        )

    def _frames(self) -> Iterator[av.VideoFrame]:
        yuv = YuvFrames(self._size)
        for rgb in self._footage.pictures():
            yield yuv.make(fitted(rgb, self._size))

    def _video(self, output: OutputContainer, frames: Iterator[av.VideoFrame]) -> Iterator[Packet]:
        rate = self._footage.frame_rate
        stream: Any = output.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = self._size.width, self._size.height, "yuv420p"
        stream.options = {"preset": self._options.preset, "crf": str(self._crf), "profile": "high"}
        context = stream.codec_context
        context.gop_size = max(12, round(GOP_S * rate))
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED_RANGE
        return self._packets(stream, frames)

    def _packets(self, stream: Any, frames: Iterator[av.VideoFrame]) -> Iterator[Packet]:
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base = index, 1 / self._footage.frame_rate
            self._done = index + 1
            yield from _lasting(stream.encode(frame))
        yield from _lasting(stream.encode(None))


def _lasting(packets: list[Packet]) -> Iterator[Packet]:
    for packet in packets:
        packet.duration = 1
        yield packet
