"""Decoded pictures and sound in one pass over a file, up to the first damage."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .container import reason
from .scan import packets


class Reader:
    """Reads on from where the file stands.

    Attributes:
        picture_done: Set by whoever reads when no more pictures are wanted.
        sound_done: The same for sound.
        damage: What is wrong with the file, "" while nothing is.
    """

    def __init__(
        self,
        container: InputContainer,
        picture: VideoStream,
        sound: AudioStream | None,
        *,
        stop: Event | None,
    ) -> None:
        self._container = container
        self._picture = picture
        self._sound = sound
        self._stop = stop
        self._heard = False
        self.picture_done = False
        self.sound_done = sound is None
        self.damage = ""

    def __iter__(self) -> Iterator[VideoFrame | AudioFrame]:
        streams = [self._picture] if self._sound is None else [self._picture, self._sound]
        for packet in packets(self._container, *streams, stop=self._stop):
            if packet is None:
                self.damage = "it cannot be read on"
            elif packet.stream_index == self._picture.index:
                if not self.picture_done:
                    yield from self._pictures(packet)
            elif self._sound is not None and not self.sound_done:
                yield from self._sounds(self._sound, packet)
            if self.damage:
                yield from self._rest()
                return
            if self.picture_done and self.sound_done:
                return

    def _pictures(self, packet: Packet[Any]) -> Iterator[VideoFrame]:
        if packet.is_corrupt:
            self.damage = "a picture is incomplete"
            return
        try:
            for frame in self._picture.decode(packet):
                if frame.is_corrupt:
                    self.damage = "a picture is incomplete"
                    return
                yield frame
        except FFmpegError as error:
            self.damage = reason(error)

    def _sounds(self, sound: AudioStream, packet: Packet[Any]) -> Iterator[AudioFrame]:
        try:
            frames = sound.decode(packet)
        except FFmpegError as error:
            # The first packets of a recording that was cut out of another often cannot be read.
            if self._heard:
                self.damage = f"the sound: {reason(error)}"
            return
        self._heard = self._heard or bool(frames)
        yield from frames

    def _rest(self) -> Iterator[VideoFrame]:
        """What the decoder still holds from before the damage."""
        try:
            yield from self._picture.decode(None)
        except FFmpegError:
            return
