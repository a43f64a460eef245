"""From a finished task to what flows on in the graph."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..utils.errors import InputError, MemoryShortError, spelled
from ..utils.media.decode import Decoded, decode
from ..utils.media.listening import decode_sound
from ..utils.media.probe import probe
from ..utils.media.selection import Selection
from ..utils.media.types import Sound
from ..utils.tasks.watch import Outcome
from . import _host as host
from ._host import io
from .sounds import to_audio
from .values import is_whole
from .waiting import in_thread
from .workers import DECODING

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrameOptions:
    """Which frames a node wants of its result."""

    decode_frames: bool = True
    first_frame: int = 0
    frame_count: int = 0
    every_nth: int = 1
    longest_side: int = 0

    def check(self) -> None:
        """Refuse what could not be decoded, before anything is paid for.

        Raises:
            InputError: A number is out of its range.
        """
        numbers = (self.first_frame, self.frame_count, self.longest_side)
        whole = all(is_whole(number, least=0) for number in numbers)
        if not whole or not is_whole(self.every_nth, least=1):
            raise InputError(
                "first_frame, frame_count and longest_side must be whole numbers of 0 or more, "
                "every_nth of 1 or more. Correct the numbers on the node."
            )
        if not isinstance(self.decode_frames, (bool, int)):
            raise InputError(
                f"decode_frames is “{spelled(self.decode_frames)}”, which is neither on nor off. "
                "Switch it on the node."
            )

    def selection(self) -> Selection:
        """The same in the decoder's words.

        Raises:
            InputError: A number is out of its range.
        """
        self.check()
        return Selection(
            start=self.first_frame,
            count=self.frame_count,
            every_nth=self.every_nth,
            longest_side=self.longest_side,
        )


@dataclass(frozen=True)
class _Media:
    """What a result's file gave: frames, or a blocker in their place."""

    frames: Any
    sound: Sound | None
    frame_rate: float
    note: str = ""


async def deliver(outcome: Outcome, options: FrameOptions) -> io.NodeOutput:
    """Decode a result once, and give it to the graph.

    Raises:
        DecodeError: The file is damaged.
        InputError: The frame options are out of range.
    """
    media = await _read(outcome.file, options)
    text = _summary(outcome, media)
    host.show_text(text, host.current_node_id())
    return io.NodeOutput(
        media.frames,
        host.video_from_file(outcome.file),
        to_audio(media.sound),
        media.frame_rate,
        outcome.row.task_id,
        outcome.result_url,
        ui=host.result_ui(outcome.file, text),
    )


async def _read(file: Path, options: FrameOptions) -> _Media:
    selection = options.selection()
    if not options.decode_frames:
        return await _read_sound(file, host.ExecutionBlocker(None), "")

    def work(stop: threading.Event, progress: Callable[[int, int | None], None]) -> Decoded:
        return decode(file, selection, stop=stop, progress=progress)

    try:
        decoded = await in_thread(work, phase="decoding", workers=DECODING)
    except MemoryShortError as error:
        log.warning("%s", error)
        return await _read_sound(file, host.ExecutionBlocker(str(error)), str(error))
    return _Media(decoded.frames, decoded.sound, float(decoded.frame_rate), decoded.note)


async def _read_sound(file: Path, blocker: Any, note: str) -> _Media:
    """Everything of a result but its frames."""

    def work(stop: threading.Event, _: Callable[[int, int | None], None]) -> Sound | None:
        return decode_sound(file, stop=stop)

    sound = await in_thread(work, phase="decoding sound", workers=DECODING)
    return _Media(blocker, sound, float(probe(file).frame_rate), note)


def _summary(outcome: Outcome, media: _Media) -> str:
    """The line that stays under the node."""
    row = outcome.row
    if outcome.reused:
        first = f"reused task {row.task_id}; change the seed for a new take"
    elif row.practice:
        first = f"practice · task {row.task_id} · nothing was billed"
    else:
        billed = f"{row.billable_s} s billable · " if row.billable_s is not None else ""
        first = f"done · {billed}task {row.task_id}"
    return " · ".join(part for part in (first, *outcome.warnings, media.note) if part)
