"""Sound taken out of a clip, and put back into a silent one, by copying packets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

from av.packet import Packet

from ..errors import DecodeError
from .aac import sound_track
from .container import open_clip, picture_stream, sound_stream
from .filefootage import FileFootage
from .footage import Footage, FramesFootage
from .mp4 import copied_stream, open_mp4, write_packets
from .pcm import exactly
from .types import Clip, FramesClip


def save_sound(clip: Clip, target: Path, *, stop: Event | None = None) -> bool:
    """Write a clip's sound as AAC, so that it can be put back into the result.

    Args:
        clip: Whose sound; cut to the clip's length.
        target: An .m4a file; appears whole or not at all.
        stop: Ends the work early.

    Returns:
        Whether there was any sound; without it no file is written.
    """
    footage: Footage = FramesFootage(clip) if isinstance(clip, FramesClip) else FileFootage(clip)
    pcm = footage.sound()
    if pcm is None:
        return False
    if footage.frame_count is not None:
        seconds = footage.frame_count / footage.frame_rate
        pcm = exactly(pcm, round(seconds * pcm.sample_rate_hz))
    with open_mp4(target) as output:
        for _ in write_packets(output, sound_track(output, pcm), stop=stop):
            pass
    return True


def add_sound(video: Path, sound: Path, target: Path, *, stop: Event | None = None) -> None:
    """Put a sound under a clip: packets of both are copied, tags of neither.

    Args:
        video: Whose picture; a sound of its own is left out.
        sound: Whose sound; cut to the picture's length.
        target: An .mp4 file; appears whole or not at all.
        stop: Ends the work early.

    Raises:
        DecodeError: One of them cannot be read.
        EncodeError: The file cannot be written.
        Stopped: `stop` was set.
    """
    with open_clip(video) as pictures, open_clip(sound) as sounds, open_mp4(target) as output:
        picture, voice = picture_stream(pictures), sound_stream(sounds)
        if voice is None:
            raise DecodeError("The sound file holds no sound. Choose another file.")
        end_s = float((picture.duration or 0) * (picture.time_base or 0)) or float("inf")
        outputs: list[Any] = [copied_stream(output, picture), copied_stream(output, voice)]
        tracks = [
            _copied(picture, outputs[0], float("inf")),
            _copied(voice, outputs[1], end_s),
        ]
        for _ in write_packets(output, *tracks, stop=stop):
            pass


def _copied(source: Any, stream: Any, end_s: float) -> Iterator[Packet]:
    for packet in source.container.demux(source):
        if packet.dts is None:
            continue
        if float(packet.pts * packet.time_base) >= end_s:
            return
        packet.stream = stream
        yield packet
