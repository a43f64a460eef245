"""Reading the motion's clip, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import av
from av.error import FFmpegError

from ..errors import DecodeError, Stopped

TINY_AREA_PX = 60_000


def open_clip(path: Path) -> Any:
    """Open a clip that has a picture.

    Raises:
        DecodeError: It is not one.
    """
    try:
        container = av.open(str(path))
    except (FFmpegError, ValueError) as error:
        raise DecodeError("The motion is not a clip. Send an MP4, MOV or M4V.") from error
    if not container.streams.video:
        container.close()
        raise DecodeError("The motion has no picture. Send an MP4, MOV or M4V with one.")
    return container


def set_threads(stream: Any, area_px: int) -> None:
    """Several threads for large pictures only; for small ones starting them is the work."""
    if area_px < TINY_AREA_PX:
        stream.codec_context.thread_count = 1
    else:
        stream.thread_type = "AUTO"


def packets(container: Any, streams: list[Any], stop: Event) -> Iterator[Any]:
    """The clip's packets, as far as it can be read.

    Raises:
        Stopped: `stop` was set.
    """
    source = container.demux(streams)
    while True:
        if stop.is_set():
            raise Stopped("The practice service was stopped.")
        try:
            packet = next(source, None)
        except FFmpegError:  # cut short: what came before is good
            return
        if packet is None:
            return
        yield packet


def frames_of(container: Any, stream: Any, stop: Event) -> Iterator[Any]:
    """All frames of a stream that can be decoded."""
    for packet in packets(container, [stream], stop):
        yield from decoded(packet)


def decoded(packet: Any) -> Iterator[Any]:
    """A packet's frames; a damaged one has none."""
    try:
        yield from packet.decode()
    except FFmpegError:
        return
