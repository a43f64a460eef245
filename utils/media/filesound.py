"""The sound of a file as a stream of samples, laid against its picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from itertools import chain, islice
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.error import FFmpegError

from ..errors import DecodeError
from .container import OpenClip, open_clip, reason, sound_stream
from .pcm import PIECE_SAMPLES, Pcm
from .pixels import Floats
from .sound import STAMPS_ENOUGH, TOLERANCE_S, settled_start, unit_samples


def file_sound(source: Path | BytesIO, start_s: Fraction, *, entry: int) -> Pcm | None:
    """A file's own sound as a stream.

    Args:
        source: The file.
        start_s: The time of sample 0, on the file's own clock.
        entry: The same or an earlier time in the ticks of the picture, where reading starts.

    Returns:
        None where there is no sound that can be decoded. Reading it raises DecodeError where
        it is damaged.
    """
    with open_clip(source) as container:
        stream = sound_stream(container)
        if stream is None:
            return None
        rate_hz = int(stream.codec_context.sample_rate)
        channels = len(stream.codec_context.layout.channels)
    if rate_hz <= 0 or channels <= 0:
        return None
    placed = _placed(_frames(source, entry, rate_hz), start_s, rate_hz)
    return Pcm(rate_hz, channels, _joined(placed, channels))


def _frames(source: Path | BytesIO, entry: int, rate_hz: int) -> Iterator[AudioFrame]:
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
            yield from (frame for frame in frames if frame.sample_rate == rate_hz)


def _placed(
    frames: Iterator[AudioFrame], start_s: Fraction, rate_hz: int
) -> Iterator[tuple[int, Floats]]:
    """Samples and where they start; frames that follow each other stay seamless."""

    def stamp(frame: AudioFrame, default: int) -> int:
        if frame.pts is None or frame.time_base is None:
            return default
        return round((frame.pts * Fraction(frame.time_base) - start_s) * rate_hz)

    first = next(frames, None)
    if first is None:
        return
    half_tick = float((first.time_base or 0) * rate_hz / 2)
    head = [first, *islice(frames, STAMPS_ENOUGH - 1 if half_tick >= 1 else 0)]
    lengths = [frame.samples for frame in head]
    at = settled_start([stamp(frame, 0) for frame in head], lengths, half_tick=half_tick)
    for frame in chain(head, frames):
        stamped = stamp(frame, at)
        if abs(stamped - at) > TOLERANCE_S * rate_hz:
            at = stamped
        yield at, unit_samples(frame)
        at += frame.samples


def _joined(placed: Iterator[tuple[int, Floats]], channels: int) -> Iterator[Floats]:
    """Samples from 0 on, without a hole: what is missing is silence."""
    written = 0
    for at, samples in placed:
        while written < at:
            silence = np.zeros((channels, min(at - written, PIECE_SAMPLES)), np.float32)
            yield silence
            written += silence.shape[1]
        new = samples[:channels, written - at :]
        if new.shape[1]:
            yield np.pad(new, ((0, channels - new.shape[0]), (0, 0)))
            written += new.shape[1]
