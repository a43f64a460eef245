"""A clip as the MP4 that the service takes: H.264 High, 4:2:0, BT.709, constant rate, AAC."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from ..errors import EncodeError
from . import envelope
from .aac import sound_track
from .ahead import ahead
from .clipfile import EncodedClip, EncodeOptions, Progress
from .filefootage import FileFootage
from .footage import Footage, FramesFootage
from .mp4 import check_stop, open_mp4, write_packets
from .pcm import Pcm, exactly
from .remux import copy_clip
from .types import Clip, FileClip, Size
from .yuv import BT709

# A key frame every two seconds: a reader that jumps finds one near.
_GOP_S = 2
_GOP_LEAST = 12
_QUEUE_FRAMES = 3
_QUEUE_BLOCKS = 4
_LIMITED_RANGE = 1
# Each has a picture of its own: 7 MB more at 720p.
_THREADS_MOST = 5

X264 = {"preset": "veryfast", "x264-params": "partitions=i8x8,i4x4:me=dia:deadzone-inter=16"}
"""The preset, but motion is looked for near by and for whole blocks of 16×16 only, and less of the
difference to it is left out: as good as the preset at the same size (0 to 0.5 dB less) for 30 %
less of the processor, at a crf one higher."""

# x264 halves its bytes about every six steps of quality.
_CRF_HALVES = 6
_CRF_STEP_LEAST = 2
_CRF_MOST = 40
# Enough frames to tell from them how large the whole will be.
_FORESEEN_FRAMES = 90


def encode_clip(
    clip: Clip,
    target: Path,
    *,
    options: EncodeOptions | None = None,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> EncodedClip:
    """Write a clip as the file that the service takes.

    A file that already is what the service wants is copied packet by packet into a new container
    without tags; everything else is encoded, frame by frame.

    Args:
        clip: Frames in memory, or a file or the window of one.
        target: The MP4 to write; it appears whole or not at all.
        options: How; the defaults are nearly transparent.
        stop: Ends the work early.
        progress: Told of each frame: how many are done, and of how many. Counts start again where
            the quality has to be lowered.

    Raises:
        InputError: The clip is empty, has no frame rate, or its shape is refused.
        DecodeError: The file is not a clip, or damaged.
        EncodeError: It cannot be written, or not in so few bytes.
        Stopped: `stop` was set.
    """
    options = options or EncodeOptions()
    if isinstance(clip, FileClip):
        copied = copy_clip(clip, target, options=options, stop=stop, progress=progress)
        if copied is not None:
            return copied
    footage = open_footage(clip, stop=stop)
    size = envelope.clip_size(footage.size, max_pixels=options.max_pixels)
    crf = options.crf
    while True:
        writer = _Writer(footage, size, crf=crf, options=options)
        try:
            return writer.run(target, stop=stop, progress=progress)
        except _TooLargeError as error:
            if crf >= _CRF_MOST:
                raise EncodeError(
                    f"The clip is over the {options.limit_bytes / 1e6:.1f} MB limit, even in low "
                    "quality. Trim it, or use a host that takes larger files."
                ) from None
            step = max(_CRF_STEP_LEAST, math.ceil(_CRF_HALVES * math.log2(error.times)))
            crf = min(_CRF_MOST, crf + step)


def open_footage(clip: Clip, *, stop: Event | None = None) -> Footage:
    """A clip as pictures and sound to be read from its start.

    Raises:
        InputError: It is empty, or has no frame rate.
        DecodeError: The file is not a clip, or its window is empty.
    """
    if isinstance(clip, FileClip):
        return FileFootage(clip, stop=stop)
    return FramesFootage(clip)


def footage_sound(footage: Footage) -> Pcm | None:
    """The sound of a clip, exactly as long as its pictures; None where there is none."""
    pcm = footage.sound()
    if pcm is None:
        return None
    length_s = footage.frame_count / footage.frame_rate
    return exactly(pcm, max(1, round(length_s * pcm.sample_rate_hz)))


class _TooLargeError(Exception):
    """More bytes than allowed.

    Attributes:
        times: The size of the whole file beside the limit, as far as one can tell.
    """

    def __init__(self, times: float) -> None:
        super().__init__()
        self.times = times


class _Writer:
    """One attempt at one quality."""

    def __init__(self, footage: Footage, size: Size, *, crf: int, options: EncodeOptions) -> None:
        self._footage = footage
        self._size = size
        self._crf = crf
        self._options = options
        self._done = 0

    def run(self, target: Path, *, stop: Event | None, progress: Progress | None) -> EncodedClip:
        """Write the file.

        Raises:
            _TooLargeError: It is, or would become, larger than allowed.
        """
        written = 0
        pcm = footage_sound(self._footage) if self._options.keep_sound else None
        source = self._footage.frames(self._size)
        with open_mp4(target) as output, ExitStack() as threads:
            frames = threads.enter_context(ahead(source, depth=_QUEUE_FRAMES))
            tracks = [self._pictures(output, self._counted(frames, stop, progress))]
            if pcm is not None:
                sound = ahead(sound_track(output, pcm), depth=_QUEUE_BLOCKS)
                tracks.append(chain.from_iterable(threads.enter_context(sound)))
            for packet in write_packets(output, *tracks, stop=stop):
                written += packet.size
                self._check_bytes(written)
        size_bytes = target.stat().st_size
        if size_bytes > self._options.limit_bytes:
            target.unlink()
            raise _TooLargeError(size_bytes / self._options.limit_bytes)
        rate = self._footage.frame_rate
        return EncodedClip(
            path=target,
            size=self._size,
            frame_rate=rate,
            frame_count=self._done,
            duration_s=float(self._done / rate),
            size_bytes=size_bytes,
            remuxed=False,
            warnings=self._warnings(),
        )

    def _pictures(
        self, output: OutputContainer, frames: Iterable[VideoFrame]
    ) -> Iterator[Packet[Any]]:
        """Add the track of pictures; its packets come as they are asked for."""
        rate = self._footage.frame_rate
        options = {**X264, "crf": str(self._crf)}
        stream: Any = output.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height = self._size.width, self._size.height
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        # PyAV's usual way cuts each picture into a slice for each core, which then wait for one
        # another: larger files, and a fifth of two cores idle.
        context.thread_type, context.thread_count = "FRAME", _threads()
        context.gop_size = max(_GOP_LEAST, round(_GOP_S * rate))
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = _LIMITED_RANGE
        return self._packets(stream, frames)

    def _packets(self, stream: Any, frames: Iterable[VideoFrame]) -> Iterator[Packet[Any]]:
        for frame in frames:
            yield from _lasting_one(stream.encode(frame))
        yield from _lasting_one(stream.encode(None))

    def _counted(
        self, frames: Iterable[VideoFrame], stop: Event | None, progress: Progress | None
    ) -> Iterator[VideoFrame]:
        """Frames with their times; x264 takes some twenty of them before its first packet."""
        step_s, total = 1 / self._footage.frame_rate, self._footage.frame_count
        for index, frame in enumerate(frames):
            check_stop(stop)
            frame.pts, frame.time_base = index, step_s
            self._done = index + 1
            if progress is not None:
                progress(self._done, total)
            yield frame

    def _check_bytes(self, written: int) -> None:
        """Give up as soon as the size of the whole is plain."""
        limit = self._options.limit_bytes
        share = self._done / self._footage.frame_count
        foreseen = written / share if self._done >= _FORESEEN_FRAMES else written
        if written > limit or foreseen > 2 * limit:
            raise _TooLargeError(max(foreseen, written) / limit)

    def _warnings(self) -> tuple[str, ...]:
        found = list(self._footage.warnings())
        own = self._footage.size
        if self._size.width * self._size.height > (own.width + 1) * (own.height + 1):
            found.append(
                f"The clip was enlarged from {own} to {self._size} px, the minimum for the service."
            )
        if self._crf != self._options.crf:
            found.append(
                f"The clip's quality was lowered (crf {self._crf}) to stay under "
                f"{self._options.limit_bytes / 1e6:.1f} MB."
            )
        return tuple(found)


def _threads() -> int:
    """One and a half a core, as x264 itself would have it, but not without end."""
    return max(1, min(_THREADS_MOST, 3 * (os.cpu_count() or 1) // 2))


def _lasting_one(packets: list[Packet[Any]]) -> Iterator[Packet[Any]]:
    """Packets shown for one frame: some versions of FFmpeg leave the last one's length open."""
    for packet in packets:
        packet.duration = 1
        yield packet
