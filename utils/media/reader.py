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

INCOMPLETE = "a frame is incomplete"


class Reader:
    """Reads on from where a file stands.

    Args:
        file: The open file.
        hear: Whether its sound is wanted too.
        stop: Ends the reading.
        in_step: Whether the decoder works on one thread. Only then are pictures given out that
            it still holds at the first damage: otherwise the damaged one may be among them.

    Attributes:
        picture_done: Set by whoever reads when no more pictures are wanted; set here at damage.
        sound_done: The same for sound.
        damage: What is wrong with the picture, "" while nothing is.
        suspects: Stamps of the picture at which the decoder noticed the damage, and of the one
            before: what is wrong at the end of a picture is noticed at the next.
        sound_damage: The same for sound.
    """

    def __init__(
        self, file: OpenClip, *, hear: bool, stop: Event | None, in_step: bool = False
    ) -> None:
        self._file = file
        self._sound = file.sound if hear else None
        self._stop = stop
        self._in_step = in_step
        self._heard = False
        self.picture_done = False
        self.sound_done = self._sound is None
        self.damage = ""
        self.suspects: list[int | None] = []
        self._given: int | None = None
        self.sound_damage = ""

    def __iter__(self) -> Iterator[VideoFrame | AudioFrame]:
        picture = self._file.picture
        streams = [picture] if self._sound is None else [picture, self._sound]
        for packet in packets(self._file.container, *streams, stop=self._stop):
            if packet is None:
                yield from self._broken("it cannot be read any further")
            # The last, empty packet of each stream says so by its stream only, not by an index.
            elif packet.stream.index != picture.index:
                yield from self._sounds(packet)
            elif not self.picture_done:
                yield from self._pictures(packet)
            if self.picture_done and self.sound_done:
                return

    def _pictures(self, packet: Packet[Any]) -> Iterator[VideoFrame]:
        if packet.is_corrupt:
            yield from self._broken(INCOMPLETE)
            return
        before, self._given = self._given, packet.pts
        try:
            for frame in self._file.picture.decode(packet):
                if frame.is_corrupt:
                    yield from self._broken(INCOMPLETE, frame.pts)
                    return
                yield frame
        except EOFError:
            yield from self._broken(INCOMPLETE, packet.pts, before)
        except FFmpegError as error:
            yield from self._broken(reason(error), packet.pts, before)

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

    def _broken(self, damage: str, *suspects: int | None) -> Iterator[VideoFrame]:
        """End the pictures with what the decoder still holds from before the damage."""
        self.damage = self.damage or damage
        self.suspects += suspects
        if not self.picture_done and self._in_step:
            with suppress(FFmpegError):
                held = self._file.picture.decode(None)
                yield from (frame for frame in held if not frame.is_corrupt)
        self.picture_done = True
