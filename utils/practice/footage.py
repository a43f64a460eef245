"""Reading the motion's clip, frame by frame."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from av.error import FFmpegError

from ..errors import DecodeError, Stopped
from ..media import container

TINY_AREA_PX = 60_000


@contextmanager
def open_clip(path: Path) -> Generator[Any, None, None]:
    """Open a clip that has a picture, as carefully as the pack opens any.

    Raises:
        DecodeError: It is not one.
    """
    with container.open_clip(path) as opened:
        if not opened.streams.video:
            raise DecodeError("The motion has no picture. Send an MP4, MOV or M4V with one.")
        container.limit_pixels(opened.streams.video[0])
        yield opened


def set_threads(stream: Any, area_px: int) -> None:
    """Several threads for large pictures only; for small ones starting them is the work."""
    if area_px < TINY_AREA_PX:
        stream.codec_context.thread_count = 1
    else:
        stream.thread_type = "AUTO"


def packets(clip: Any, streams: list[Any], stop: Event) -> Iterator[Any]:
    """The clip's packets, as far as it can be read.

    Raises:
        Stopped: `stop` was set.
    """
    source = clip.demux(streams)
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


def frames_of(clip: Any, stream: Any, stop: Event) -> Iterator[Any]:
    """All frames of a stream that can be decoded."""
    for packet in packets(clip, [stream], stop):
        yield from decoded(packet)


def decoded(packet: Any) -> Iterator[Any]:
    """A packet's frames; a damaged one has none."""
    try:
        yield from packet.decode()
    except FFmpegError:
        return
