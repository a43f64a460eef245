"""The graph's AUDIO and the pack's sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor

from ..utils.errors import InputError
from ..utils.media.types import Sound

_MOST_RATE_HZ = 10_000_000
"""Beyond what any recorder does; FFmpeg counts rates in 32 bits."""


def to_sound(audio: Any) -> Sound | None:
    """Read an AUDIO, which may be a lazy mapping or empty.

    Args:
        audio: `{"waveform": [B, C, T], "sample_rate": int}`, or None.

    Raises:
        InputError: It is no AUDIO, or holds several sounds at once.
    """
    if audio is None:
        return None
    try:
        parts = cast("Mapping[str, Any]", audio)
        waveform, rate = parts["waveform"], int(parts["sample_rate"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "The audio input has no sound. Wire the AUDIO of a loader into it, or leave it "
            "unconnected."
        ) from error
    real = isinstance(waveform, Tensor) and 0 < rate <= _MOST_RATE_HZ
    if not real or waveform.ndim != 3:
        raise InputError(
            "The audio input is not sound of shape (batch, channels, samples) with a sample "
            "rate. Wire the AUDIO of a loader into it, or leave it unconnected."
        )
    if waveform.shape[0] > 1:
        raise InputError(
            f"The audio input has a batch of {waveform.shape[0]} sounds; it takes one. Pick one "
            "of the batch, or leave the input unconnected."
        )
    if waveform.numel() == 0:
        return None
    return Sound(waveform[0], rate)


def to_audio(sound: Sound | None) -> dict[str, Any] | None:
    """The graph's AUDIO for a sound; None where there is none."""
    if sound is None:
        return None
    return {"waveform": sound.waveform.unsqueeze(0), "sample_rate": sound.sample_rate_hz}
