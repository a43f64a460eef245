"""Sound taken out of a clip, and put back into a silent one, by copying packets."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from ..errors import DecodeError
from .aac import sound_track
from .container import open_clip, picture_stream, reason, sound_stream
from .encode import footage_sound, open_footage
from .mp4 import copied_stream, open_mp4, write_packets
from .scan import scan
from .types import Clip


def save_sound(clip: Clip, target: Path, *, stop: Event | None = None) -> bool:
    """Write a clip's sound as AAC, so that it can be put back into the result.

    Args:
        clip: Whose sound; cut or padded with silence to the clip's length.
        target: An .m4a file; it appears whole or not at all.
        stop: Ends the work early.

    Returns:
        Whether there was any sound; without it no file is written.

    Raises:
        InputError: The clip is empty, or its sound is none.
        DecodeError: The file is not a clip, or damaged.
        EncodeError: The file cannot be written.
        Stopped: `stop` was set.
    """
    pcm = footage_sound(open_footage(clip, stop=stop))
    if pcm is None:
        return False
    with open_mp4(target) as output:
        packets = chain.from_iterable(sound_track(output, pcm))
        for _ in write_packets(output, packets, stop=stop):
            pass
    return True


def add_sound(video: Path, sound: Path, target: Path, *, stop: Event | None = None) -> None:
    """Put a sound under a clip: packets of both are copied, tags of neither.

    Args:
        video: Whose picture; a sound of its own is left out.
        sound: Whose sound; cut to the picture's length.
        target: An .mp4 file, which may be `video` itself; it appears whole or not at all.
        stop: Ends the work early.

    Raises:
        DecodeError: One of them cannot be read.
        EncodeError: The file cannot be written.
        Stopped: `stop` was set.
    """
    start_s, end_s = _span_s(video, stop)
    # the target is put in place last, when its sources are closed: Windows insists
    with open_mp4(target) as output, open_clip(video) as pictures, open_clip(sound) as sounds:
        picture, voice = picture_stream(pictures), sound_stream(sounds)
        if voice is None:
            raise DecodeError("The file has no sound. Choose one with sound.")
        tracks = [
            _copied(picture, copied_stream(output, picture), start_s=start_s),
            _copied(
                voice,
                copied_stream(output, voice),
                start_s=Fraction(0),
                length_s=end_s - start_s,
            ),
        ]
        for _ in write_packets(output, *tracks, stop=stop):
            pass


def _span_s(video: Path, stop: Event | None) -> tuple[Fraction, Fraction]:
    """When the first picture is shown, and when the last one ends."""
    with open_clip(video) as container:
        stream = picture_stream(container)
        timeline = scan(container, stream, stop=stop).timeline(stream)
    return timeline.start_s, timeline.slot_s(len(timeline.shown))


def _copied(
    source: Stream, stream: Stream, *, start_s: Fraction, length_s: Fraction | None = None
) -> Iterator[Packet[Any]]:
    """Packets counted from `start_s`, up to a length."""
    container: Any = source.container
    try:
        for packet in container.demux(source):
            if not packet.size or packet.dts is None or packet.pts is None:
                continue
            shift = round(start_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if length_s is not None and packet.pts * packet.time_base >= length_s:
                return
            packet.stream = stream
            yield packet
    except FFmpegError as error:
        raise DecodeError(
            f"The file cannot be read to its end ({reason(error)}). Save or download it again."
        ) from error
