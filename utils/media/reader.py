"""Decoded pictures and sound in one pass over a file, up to the first damage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from threading import Event
from typing import Any

from av.audio.frame import AudioFrame
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from .container import OpenClip, reason
from .scan import packets

INCOMPLETE = "a picture is incomplete"


class Reader:
    """Reads on from where a file stands.

    Args:
        file: The open file.
        hear: Whether its sound is wanted too.
        stop: Ends the reading.
        held_back: Whether pictures that the decoder holds at the first damage are given out too:
            right where stamps tell their place, wrong where they are counted.

    Attributes:
        picture_done: Set by whoever reads when no more pictures are wanted; set here at damage.
        sound_done: The same for sound.
        damage: What is wrong with the picture, "" while nothing is.
        sound_damage: The same for sound.
    """

    def __init__(
        self, file: OpenClip, *, hear: bool, stop: Event | None, held_back: bool = True
    ) -> None:
        self._file = file
        self._sound = file.sound if hear else None
        self._stop = stop
        self._held_back = held_back
        self._heard = False
        self.picture_done = False
        self.sound_done = self._sound is None
        self.damage = ""
        self.sound_damage = ""

    def __iter__(self) -> Iterator[VideoFrame | AudioFrame]:
        picture = self._file.picture
        streams = [picture] if self._sound is None else [picture, self._sound]
        for packet in packets(self._file.container, *streams, stop=self._stop):
            if packet is None:
                yield from self._broken("it cannot be read on")
            elif packet.stream_index != picture.index:
                yield from self._sounds(packet)
            elif not self.picture_done:
                yield from self._pictures(packet)
            if self.picture_done and self.sound_done:
                return

    def _pictures(self, packet: Packet[Any]) -> Iterator[VideoFrame]:
        if packet.is_corrupt:
            yield from self._broken(INCOMPLETE)
            return
        try:
            for frame in self._file.picture.decode(packet):
                if frame.is_corrupt:
                    yield from self._broken(INCOMPLETE)
                    return
                yield frame
        except EOFError:
            yield from self._broken(INCOMPLETE)
        except FFmpegError as error:
            yield from self._broken(reason(error))

    def _sounds(self, packet: Packet[Any]) -> Iterator[AudioFrame]:
        if self._sound is None or self.sound_done:
            return
        try:
            frames = self._sound.decode(packet)
        except FFmpegError as error:
            # The first packets of a recording that was cut out of another often cannot be read.
            if self._heard:
                self.sound_damage = f"its sound: {reason(error)}"
                self.sound_done = True
            return
        self._heard = self._heard or bool(frames)
        yield from frames

    def _broken(self, damage: str) -> Iterator[VideoFrame]:
        """End the pictures with what the decoder still holds from before the damage."""
        self.damage = self.damage or damage
        if not self.picture_done and self._held_back:
            with suppress(FFmpegError):
                yield from self._file.picture.decode(None)
        self.picture_done = True
