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
        count: How many those are, with or without a stamp.
        stamped: Whether each has one.
        last_key: Time stamp of the last key frame.
        first_dts: The first decoding stamp, in the picture's ticks.
        last_ticks: How long the last frame is shown.
        damaged: Whether a packet was incomplete, or reading failed.
        end_bytes: Where in the file the last packet ended.
    """

    stamps: list[int] = field(default_factory=list[int])
    count: int = 0
    stamped: bool = True
    last_key: int = 0
    first_dts: int = 0
    last_ticks: int = 0
    damaged: bool = False
    end_bytes: int = 0

    def timeline(self, stream: VideoStream) -> Timeline:
        """The frames on an even grid."""
        rates = rates_of(stream)
        if not self.stamped:
            return counted(self.count, rates[0] if rates else _DEFAULT_RATE)
        time_base = Fraction(stream.time_base or 1)
        return lay_out(self.stamps, time_base=time_base, rates=rates, last_ticks=self.last_ticks)


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


def scan(container: InputContainer, stream: VideoStream, *, stop: Event | None = None) -> Scan:
    """Read every packet of a picture stream from where the file stands.

    Raises:
        Stopped: `stop` was set.
    """
    found = Scan()
    latest: int | None = None
    for packet in packets(container, stream, stop=stop):
        if packet is None:
            found.damaged = True
        elif packet.size and not packet.is_discard:
            _note(found, packet)
            if packet.pts is not None and (latest is None or packet.pts >= latest):
                latest, found.last_ticks = packet.pts, packet.duration or 0
        elif packet.size and not found.count and packet.dts is not None:
            found.first_dts = min(found.first_dts, packet.dts)
    return found


def _note(found: Scan, packet: Packet[Any]) -> None:
    if not found.count and packet.dts is not None:
        found.first_dts = packet.dts
    found.count += 1
    found.damaged = found.damaged or packet.is_corrupt
    found.end_bytes = max(found.end_bytes, (packet.pos or 0) + packet.size)
    if packet.pts is None:
        found.stamped = False
        return
    found.stamps.append(packet.pts)
    if packet.is_keyframe:
        found.last_key = packet.pts
