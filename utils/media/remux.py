"""A file that already is what the service wants: its packets in a new container, tags left out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from ..errors import EncodeError, InputError
from . import envelope
from .aac import sound_track
from .clipfile import EncodedClip, EncodeOptions, Progress
from .container import open_clip, picture_stream, sound_stream
from .displaymatrix import is_upright
from .filefootage import scanned
from .filesound import file_sound
from .mp4 import copied_stream, open_mp4, write_packets
from .pcm import Pcm, exactly, pcm_of
from .scan import Scan
from .sps import read_picture_header
from .timeline import Timeline
from .types import FileClip, Size
from .wholeness import missing_bytes

# Without it FFmpeg decodes pictures while it opens a file, ten times as long.
_UNDECODED = {"skip_frame": "all"}
_FULL_RANGE = 2
_HDR_TRANSFERS = frozenset({16, 18})  # ITU-T H.273: PQ, HLG
_UNSET = frozenset({None, 0, 1})  # a pixel's aspect
# A clip by a hair larger than useful is better copied than scaled.
_PIXELS_SLACK = 1.25
# Stamps may be rounded to milliseconds; a frame that comes earlier or later is no constant rate.
_JITTER_S = 0.002
# What a decoder of sound may need from before the first picture.
_LEAD_S = Fraction(1, 10)
_EDGE_S = 0.001


class _UnfitError(Exception):
    """The file has to be encoded."""


def copy_clip(
    clip: FileClip,
    target: Path,
    *,
    options: EncodeOptions,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> EncodedClip | None:
    """Copy a file's packets where the service can take them as they are.

    Args:
        clip: The file.
        target: The MP4 to write; it appears whole or not at all.
        options: What is wanted.
        stop: Ends the work early.
        progress: Told of each picture.

    Returns:
        What was written, or None where the clip has to be encoded.

    Raises:
        DecodeError: The file is no clip.
        InputError: The sound that was given is none.
        Stopped: `stop` was set.
    """
    upright = is_upright(clip.source)
    if upright is False or missing_bytes(clip.source):
        return None
    opening = _UNDECODED if upright else {}
    try:
        if upright is None:
            _check_first_frame(clip.source)
        with open_clip(clip.source, options=opening) as container:
            fit = _examined(clip, container, options, upright=upright, stop=stop)
        with open_clip(clip.source, options=opening) as container:
            copy = _Copy(clip, container, options, fit=fit)
            return copy.written(target, stop=stop, progress=progress)
    except (_UnfitError, FFmpegError, EncodeError):
        return None


@dataclass(frozen=True)
class _Fit:
    """A file that can be copied.

    Attributes:
        entry: Time stamp from which the file can be read, in the picture's ticks.
        frame_count: How many pictures.
        frame_rate: Frames per second, constant.
        start_s: The first picture, on the file's own clock.
        decoding: When each picture is decoded, in the order of the file; empty where the file
            itself tells.
    """

    entry: int
    frame_count: int
    frame_rate: Fraction
    start_s: Fraction
    decoding: list[int]

    @property
    def length_s(self) -> Fraction:
        """How long the pictures last."""
        return self.frame_count / self.frame_rate


def _examined(
    clip: FileClip,
    container: InputContainer,
    options: EncodeOptions,
    *,
    upright: bool | None,
    stop: Event | None,
) -> _Fit:
    """Look at everything but the pictures themselves.

    Raises:
        _UnfitError: The file has to be encoded.
    """
    picture = picture_stream(container)
    _check_picture(picture, options)
    found = scanned(container, picture, stop)
    timeline = _check_times(found, picture)
    fit = _Fit(
        entry=found.first_dts,
        frame_count=len(timeline.shown),
        frame_rate=timeline.rate,
        start_s=timeline.start_s,
        decoding=[] if upright else _decoding_stamps(found.stamps),
    )
    if clip.start_s > 0 or 0 < clip.duration_s < float(fit.length_s) - _EDGE_S:
        raise _UnfitError  # a trim that is still to be done needs new pictures
    return fit


class _Copy:
    """The way of one file's packets."""

    def __init__(
        self, clip: FileClip, container: InputContainer, options: EncodeOptions, *, fit: _Fit
    ) -> None:
        self._clip = clip
        self._options = options
        self._fit = fit
        self._container = container
        self._picture = picture_stream(container)

    def written(
        self, target: Path, *, stop: Event | None, progress: Progress | None
    ) -> EncodedClip:
        """Write the file.

        Raises:
            _UnfitError: It has to be encoded after all.
        """
        total, done, size = self._fit.frame_count, 0, 0
        with open_mp4(target) as output:
            picture = copied_stream(output, self._picture)
            streams: dict[int, Any] = {self._picture.index: picture}
            own = self._copied_sound()
            if own is not None:
                streams[own.index] = copied_stream(output, own)
            pcm = self._encoded_sound() if own is None else None
            tracks = [self._packets(streams)]
            if pcm is not None:
                tracks.append(chain.from_iterable(sound_track(output, pcm)))
            for packet in write_packets(output, *tracks, stop=stop):
                size += packet.size
                if size > self._options.limit_bytes:
                    raise _UnfitError
                if packet.stream_index == picture.index:
                    done += 1
                    if progress is not None:
                        progress(done, total)
        return EncodedClip(
            path=target,
            size=Size(self._picture.width, self._picture.height),
            frame_rate=self._fit.frame_rate,
            frame_count=total,
            duration_s=float(self._fit.length_s),
            size_bytes=target.stat().st_size,
            remuxed=True,
        )

    def _copied_sound(self) -> AudioStream | None:
        """The file's own sound where its packets can stay."""
        if not self._options.keep_sound or self._clip.sound is not None:
            return None
        stream = sound_stream(self._container)
        return stream if stream is not None and stream.codec_context.name == "aac" else None

    def _encoded_sound(self) -> Pcm | None:
        """The sound that has to be encoded, or None where there is none."""
        if not self._options.keep_sound:
            return None
        if self._clip.sound is not None:
            pcm = pcm_of(self._clip.sound)
        else:
            pcm = file_sound(self._clip.source, self._fit.start_s, entry=self._fit.entry)
        if pcm is None:
            return None
        return exactly(pcm, round(self._fit.length_s * pcm.sample_rate_hz))

    def _packets(self, streams: dict[int, Any]) -> Iterator[Packet[Any]]:
        """The file's packets of these streams, counted from its first picture."""
        decoding = iter(self._fit.decoding)
        sources = [self._container.streams[index] for index in streams]
        ticks = {source.index: self._ticks_of(source) for source in sources}
        for packet in self._container.demux(sources):
            if not packet.size:
                continue
            index = packet.stream_index
            if index == self._picture.index:
                _check_packet(packet)
                packet.dts = next(decoding, packet.dts)
            start, before, end = ticks[index]
            if packet.pts is None or packet.dts is None:
                raise _UnfitError
            if index != self._picture.index and not before <= packet.pts < end:
                continue
            packet.pts, packet.dts = packet.pts - start, packet.dts - start
            packet.stream = streams[index]
            yield packet

    def _ticks_of(self, stream: Any) -> tuple[int, int, int]:
        """In a stream's ticks: the first picture, what of the sound is needed before it, the end.

        Fractions for each packet would cost more than copying it.
        """
        base = Fraction(stream.time_base)
        start_s = self._fit.start_s
        end_s = start_s + self._fit.length_s
        return round(start_s / base), round((start_s - _LEAD_S) / base), math.ceil(end_s / base)


def _check_picture(stream: VideoStream, options: EncodeOptions) -> None:
    """What the header says: H.264, 8-bit 4:2:0, limited range, a size that is right."""
    context: Any = stream.codec_context
    header = read_picture_header(context.extradata) if context.name == "h264" else None
    if header is None or not (header.is_plain and header.is_progressive):
        raise _UnfitError
    # the container may say it too, and a player believes either
    if header.full_range or int(context.color_range) == _FULL_RANGE:
        raise _UnfitError
    if {header.transfer, int(context.color_trc)} & _HDR_TRANSFERS:
        raise _UnfitError
    if stream.sample_aspect_ratio not in _UNSET:
        raise _UnfitError
    size = Size(stream.width, stream.height)
    most = None if options.max_pixels is None else round(options.max_pixels * _PIXELS_SLACK)
    try:
        wanted = envelope.clip_size(size, max_pixels=most)
    except InputError as error:
        raise _UnfitError from error
    if wanted != size:
        raise _UnfitError


def _check_first_frame(source: Path | BytesIO) -> None:
    """Formats other than MP4 tell of a rotation only on the first frame."""
    with open_clip(source) as container:
        frame = next(container.decode(picture_stream(container)), None)
    if frame is None or round(frame.rotation / 90) % 4 or frame.interlaced_frame:
        raise _UnfitError


def _check_packet(packet: Packet[Any]) -> None:
    """Damage, and what an edit list or a cut leaves out, can only be mended by encoding."""
    if packet.is_corrupt or packet.is_discard:
        raise _UnfitError


def _decoding_stamps(stamps: list[int]) -> list[int]:
    """Times of decoding for pictures in the order of decoding: Matroska does not tell them.

    The same times as those of being shown, in order and early enough for every picture.
    """
    in_order = sorted(stamps)
    early = max(shown - own for shown, own in zip(in_order, stamps, strict=True))
    return [shown - early for shown in in_order]


def _check_times(found: Scan, stream: VideoStream) -> Timeline:
    """One picture a slot, at a rate that is constant as exactly as the stamps can say."""
    if found.damaged or not found.stamped or not found.stamps:
        raise _UnfitError
    if found.stamps[0] != min(found.stamps):
        raise _UnfitError  # it does not begin with a key frame
    timeline = found.timeline(stream)
    if timeline.variable or envelope.frame_rate(timeline.rate) != timeline.rate:
        raise _UnfitError
    seconds = (timeline.stamps - timeline.stamps[0]) * float(timeline.time_base)
    even = np.arange(len(seconds)) / float(timeline.rate)
    if np.abs(seconds - even).max() > max(_JITTER_S, float(timeline.time_base)):
        raise _UnfitError
    return timeline
