"""Frames that are in memory already, picked as a file's are."""

from __future__ import annotations

from fractions import Fraction
from threading import Event

import torch
from torch import Tensor

from ..errors import DecodeError, Stopped
from .decode import Decoded, Progress
from .memory import reserve
from .opencv import opencv
from .selection import Selection, scaled
from .types import FramesClip, Size, Sound


def take(
    clip: FramesClip,
    selection: Selection,
    *,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> Decoded:
    """Pick frames of a clip in memory; without scaling they are a view of it, not a copy.

    Args:
        clip: Frames of shape (T, H, W, C).
        selection: Which are wanted, and how large.
        stop: Set from another thread, it ends the work.
        progress: Called with the frames done and the frames wanted.

    Raises:
        InputError: The selection means nothing.
        DecodeError: The selection takes no frame.
        MemoryShortError: The scaled frames would not fit in memory.
        Stopped: `stop` was set.
    """
    selection.check()
    total = clip.frames.shape[0]
    slots = selection.slots(total)
    if not slots:
        raise DecodeError(
            f"Nothing is left of the clip's {total} frames: the selection starts at "
            f"{selection.start}. Start earlier."
        )
    frames = clip.frames[slots.start : slots.stop : slots.step]
    size = Size(frames.shape[2], frames.shape[1])
    target = scaled(size, selection.longest_side)
    if target != size:
        frames = _scaled(frames, target, stop=stop, progress=progress)
    rate = clip.frame_rate / slots.step
    end = min(slots[-1] + slots.step, total)
    sound = _span(clip.sound, slots.start / clip.frame_rate, (end - slots.start) / clip.frame_rate)
    return Decoded(frames, sound, frame_rate=rate, note="")


def _scaled(
    frames: Tensor, target: Size, *, stop: Event | None, progress: Progress | None
) -> Tensor:
    count, channels = frames.shape[0], frames.shape[3]
    needed_bytes = count * target.height * target.width * channels * 4
    what = f"The {count} frames of {target}"
    with reserve(needed_bytes, what=what) as reservation:
        result = torch.empty((count, target.height, target.width, channels))
        for index in range(count):
            if stop is not None and stop.is_set():
                raise Stopped("Selecting frames was stopped. Run again to start over.")
            pixels = frames[index].detach().to("cpu", torch.float32).contiguous().numpy()
            size = (target.width, target.height)
            small = opencv().resize(pixels, size, interpolation=opencv().INTER_AREA)
            result[index] = torch.from_numpy(small).reshape(result.shape[1:])
            reservation.filled(result[index].nbytes)
            if progress is not None:
                progress(index + 1, count)
    return result


def _span(sound: Sound | None, start_s: Fraction, length_s: Fraction) -> Sound | None:
    """The part of a sound that belongs to a span of its clip."""
    if sound is None:
        return None
    first = round(start_s * sound.sample_rate_hz)
    length = round(length_s * sound.sample_rate_hz)
    waveform = sound.waveform[:, first : first + length]
    return Sound(waveform, sound.sample_rate_hz) if waveform.shape[1] else None
