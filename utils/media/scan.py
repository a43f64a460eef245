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
# More than the headers between two packets take, and more than one frame.
_LOST_BYTES, _LOST_FRAMES = 1024, 2.5


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
        damaged: Whether a packet was incomplete, reading failed, or there is a hole.
    """

    stamps: list[int] = field(default_factory=list[int])
    count: int = 0
    stamped: bool = True
    last_key: int = 0
    first_dts: int = 0
    last_ticks: int = 0
    damaged: bool = False

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
    """Read every packet of a picture stream from where the file stands, or up to a hole.

    Raises:
        Stopped: `stop` was set.
    """
    found = Scan()
    latest: int | None = None
    hole = _Hole() if "matroska" in container.format.name else None
    streams = (stream,) if hole is None else tuple(container.streams)
    for packet in packets(container, *streams, stop=stop):
        if packet is None or (hole is not None and hole.lies_before(packet, stream)):
            found.damaged = True
            break
        if not packet.size or packet.stream_index != stream.index:
            continue
        if not packet.is_discard:
            _note(found, packet)
            if packet.pts is not None and (latest is None or packet.pts >= latest):
                latest, found.last_ticks = packet.pts, packet.duration or 0
        elif not found.count and packet.dts is not None:
            found.first_dts = min(found.first_dts, packet.dts)
    return found


def _note(found: Scan, packet: Packet[Any]) -> None:
    if not found.count and packet.dts is not None:
        found.first_dts = packet.dts
    found.count += 1
    found.damaged = found.damaged or packet.is_corrupt
    if packet.pts is None:
        found.stamped = False
        return
    found.stamps.append(packet.pts)
    if packet.is_keyframe:
        found.last_key = packet.pts


class _Hole:
    """Looks for lost data: FFmpeg steps over it in Matroska and says nothing."""

    def __init__(self) -> None:
        self._end_bytes: int | None = None
        self._last_pts: int | None = None
        self._lost = False

    def lies_before(self, packet: Packet[Any], picture: VideoStream) -> bool:
        """Whether both bytes and time are missing between a packet of the picture and the last."""
        if not packet.size:
            return False
        if packet.pos is not None:
            end = self._end_bytes
            self._lost = self._lost or (end is not None and packet.pos > end + _LOST_BYTES)
            self._end_bytes = max(end or 0, packet.pos + packet.size)
        if packet.stream_index != picture.index or packet.pts is None:
            return False
        before, self._last_pts = self._last_pts, packet.pts
        lost, self._lost = self._lost, False
        usual = _LOST_FRAMES * max(1, packet.duration or 0)
        return lost and before is not None and packet.pts - before > usual
