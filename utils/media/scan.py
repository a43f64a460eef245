"""A pass over a file's packets, without decoding: what is really there, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from threading import Event
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from ..errors import Stopped
from .timeline import Timeline, counted, lay_out

_DEFAULT_RATE = Fraction(25)


@dataclass
class Scan:
    """What the packets of a picture stream say.

    Attributes:
        stamps: Time stamps of the frames that are shown, in the order of the file.
        keys: Time stamps of the key frames.
        first_stamp: The least decoding stamp of any stream read, in the picture's ticks.
        last_ticks: How long the last frame is shown.
        untimed: How many frames came without a stamp.
        damaged: Whether a packet was incomplete, or reading failed.
        ended: Whether the file's end was reached.
    """

    stamps: list[int] = field(default_factory=list[int])
    keys: list[int] = field(default_factory=list[int])
    first_stamp: int | None = None
    last_ticks: int = 0
    untimed: int = 0
    damaged: bool = False
    ended: bool = False

    def timeline(self, stream: VideoStream) -> Timeline:
        """The frames on an even grid."""
        return timeline_of(
            None if self.untimed else self.stamps,
            stream,
            count=len(self.stamps) + self.untimed,
            last_ticks=self.last_ticks,
        )


def timeline_of(
    stamps: list[int] | None, stream: VideoStream, *, count: int, last_ticks: int = 0
) -> Timeline:
    """Frames with these stamps, or `count` frames without any, on an even grid."""
    rates = rates_of(stream)
    if stamps is None:
        return counted(count, rates[0] if rates else _DEFAULT_RATE)
    time_base = Fraction(stream.time_base or 1)
    return lay_out(stamps, time_base=time_base, rates=rates, last_ticks=last_ticks)


def rates_of(stream: VideoStream) -> list[Fraction]:
    """The frame rates that a file claims, the most trusted first."""
    claims = [stream.guessed_rate, stream.average_rate, stream.base_rate]
    return list(dict.fromkeys(Fraction(claim) for claim in claims if claim and claim > 0))


def packets(
    container: InputContainer, *streams: Stream, stop: Event | None
) -> Iterator[Packet[Any] | None]:
    """Yield a file's packets; None in the place of what cannot be read, and that is the end.

    Raises:
        Stopped: `stop` was set.
    """
    source = container.demux(*streams)
    while True:
        if stop is not None and stop.is_set():
            raise Stopped("Reading the clip was stopped.")
        try:
            packet = next(source, None)
        except (FFmpegError, OSError):
            yield None
            return
        if packet is None:
            return
        yield packet


def scan(
    container: InputContainer,
    stream: VideoStream,
    *others: Stream,
    until: int | None = None,
    stop: Event | None = None,
) -> Scan:
    """Read the packets of a picture stream from where the file stands.

    Args:
        container: The open file.
        stream: Its picture.
        others: What is read beside it, for its first stamp.
        until: A stamp; frames at or after it need not be met.
        stop: Ends the reading.
    """
    found = Scan()
    latest = None
    for packet in packets(container, stream, *others, stop=stop):
        if packet is None:
            found.damaged = True
            break
        if packet.dts is not None:
            _note_first(found, packet, stream)
        if packet.stream_index != stream.index or not packet.size:
            continue
        if packet.is_corrupt:
            found.damaged = True
        elif packet.pts is None:
            found.untimed += 1
        elif not packet.is_discard:
            found.stamps.append(packet.pts)
            if packet.is_keyframe:
                found.keys.append(packet.pts)
            if latest is None or packet.pts >= latest:
                latest, found.last_ticks = packet.pts, packet.duration or 0
        if until is not None and packet.dts is not None and packet.dts >= until:
            return found
    found.ended = True
    return found


def _note_first(found: Scan, packet: Packet[Any], stream: VideoStream) -> None:
    if packet.dts is None or not packet.time_base or not stream.time_base:
        return
    stamp = packet.dts - 1
    if packet.stream_index != stream.index:  # fractions for each packet cost more than reading it
        stamp = int(packet.dts * packet.time_base / stream.time_base) - 1
    if found.first_stamp is None or stamp < found.first_stamp:
        found.first_stamp = stamp
