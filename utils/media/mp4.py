"""Writing MP4 files: whole or absent, index first, and without a single tag.

A saved file of ComfyUI's carries the whole workflow in its tags, a phone's the place where it
was taken: packets go into a new container here, tags never do.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, cast

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from ..errors import EncodeError, Stopped
from .container import reason

# bitexact keeps the writer's own name and the time of writing out of the file.
# The clock of edit lists counts milliseconds unless told otherwise: too coarse for sound.
_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact", "movie_timescale": "90000"}


@contextmanager
def open_mp4(target: Path) -> Generator[OutputContainer, None, None]:
    """Write an MP4 beside its target, and put it in place once it is whole.

    Raises:
        EncodeError: It cannot be written.
    """
    part = target.with_name(target.name + ".part")
    try:
        with av.open(str(part), "w", format="mp4", options=_OPTIONS) as output:
            yield output
        part.replace(target)
    except (FFmpegError, OSError) as error:
        raise EncodeError(
            f"The file {target.name} could not be written ({reason(error)}). Check that the disk "
            "has free space and the folder can be written to."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def copied_stream(output: OutputContainer, source: Stream) -> Stream:
    """A stream of the output that takes the source's packets as they are, without its tags.

    Raises:
        EncodeError: No MP4 holds what is coded so.
    """
    try:
        stream = output.add_stream_from_template(cast("Any", source), opaque=True)
    except ValueError as error:  # PyAV's word for it
        raise EncodeError(
            f"An MP4 cannot contain {source.type} coded as {source.codec_context.name}. Export "
            "the clip again as H.264 with AAC sound."
        ) from error
    stream.metadata.clear()
    return stream


def write_packets(
    output: OutputContainer, *tracks: Iterable[Packet[Any]], stop: Event | None = None
) -> Iterator[Packet[Any]]:
    """Mux tracks side by side in the order of time.

    Args:
        output: Where to; its streams are complete.
        tracks: Packets of one stream each, in the order of decoding.
        stop: Ends the work early.

    Yields:
        Each packet once it is written.

    Raises:
        Stopped: `stop` was set.
    """
    for packet in heapq.merge(*tracks, key=_time_s):
        check_stop(stop)
        output.mux_one(packet)
        yield packet


def check_stop(stop: Event | None) -> None:
    """End the writing here if that is wanted.

    Raises:
        Stopped: `stop` was set.
    """
    if stop is not None and stop.is_set():
        raise Stopped("Stopped while the clip was being written. Run again to continue.")


def _time_s(packet: Packet[Any]) -> float:
    time = packet.pts if packet.dts is None else packet.dts
    return float((time or 0) * packet.time_base)
