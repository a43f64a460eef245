"""What identifies a picture or a clip, before any encoding.

Frames in memory are identified by their values as little-endian float32, with shape and exact
rate: equal for every device, layout and strides. A half-precision tensor is identified as the
float32 values that it stands for, 8-bit levels as level/255, float64 as the nearest float32.
A clip that is a file is identified by its bytes and its trim window, without decoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Event

import numpy as np
import torch
from blake3 import blake3
from torch import Tensor

from ..errors import DecodeError, Stopped
from .pixels import to_floats
from .types import Clip, FramesClip, Sound

# Large enough for BLAKE3's threads, small enough to feel a stop and to copy what is strided.
PIECE_BYTES = 64 * 1024 * 1024
# Stays in the cache between reading and hashing.
_READ_BYTES = 2 * 1024 * 1024


def picture_digest(image: Tensor, mask: Tensor | None = None) -> str:
    """Identify a picture, and the mask that is laid over it.

    Args:
        image: Shape (H, W, C), any device and strides.
        mask: Shape (H, W), or None.

    Returns:
        64 hexadecimal digits.
    """
    digest = _begin("picture")
    _add_tensor(digest, image, None)
    if mask is not None:
        _add_tensor(digest, mask, None)
    return digest.hexdigest()


def clip_digest(clip: Clip, *, keep_sound: bool, stop: Event | None = None) -> str:
    """Identify a clip as it would be sent.

    Args:
        clip: Frames in memory, or a file and its trim window.
        keep_sound: Whether its sound goes up too; it counts only then.
        stop: Ends the work early.

    Returns:
        64 hexadecimal digits.

    Raises:
        DecodeError: The file cannot be read.
        Stopped: `stop` was set.
    """
    if isinstance(clip, FramesClip):
        digest = _begin("frames")
        rate = clip.frame_rate
        _add_text(digest, f"rate {rate.numerator}/{rate.denominator}")
        _add_tensor(digest, clip.frames, stop)
        _add_text(digest, "sound" if keep_sound and clip.sound is not None else "silent")
    else:
        digest = _begin("file")
        _add_text(digest, _content_digest(clip.source, stop))
        _add_text(digest, f"window {float(clip.start_s).hex()} {float(clip.duration_s).hex()}")
        own = "own sound" if clip.sound is None else "sound"
        _add_text(digest, own if keep_sound else "silent")
    if keep_sound and clip.sound is not None:
        _add_sound(digest, clip.sound, stop)
    return digest.hexdigest()


def file_digest(path: Path, *, stop: Event | None = None) -> str:
    """Identify a file by its bytes.

    It is read, not mapped: a mapped file that somebody shortens meanwhile ends the process.

    Args:
        path: The file.
        stop: Ends the work early.

    Returns:
        64 hexadecimal digits.

    Raises:
        DecodeError: The file cannot be read.
        Stopped: `stop` was set.
    """
    digest = blake3(max_threads=blake3.AUTO)
    try:
        with path.open("rb", buffering=0) as file:
            piece = memoryview(bytearray(min(_READ_BYTES, path.stat().st_size + 1)))
            while count := file.readinto(piece):
                _look(stop)
                digest.update(piece[:count])
            return digest.hexdigest()
    except OSError as error:
        raise DecodeError(
            f"The file {path.name} cannot be read ({error.strerror or error}). Check that it "
            "still exists and can be read."
        ) from error


def _content_digest(source: Path | BytesIO, stop: Event | None) -> str:
    if isinstance(source, Path):
        return file_digest(source, stop=stop)
    return blake3(source.getbuffer(), max_threads=blake3.AUTO).hexdigest()


def _begin(kind: str) -> blake3:
    digest = blake3(max_threads=blake3.AUTO)
    _add_text(digest, f"wan-animate {kind} 1")
    return digest


def _add_text(digest: blake3, text: str) -> None:
    """Text and its length, so that two fields never read as one."""
    data = text.encode()
    digest.update(len(data).to_bytes(8, "little") + data)


def _add_sound(digest: blake3, sound: Sound, stop: Event | None) -> None:
    _add_text(digest, f"sample rate {sound.sample_rate_hz}")
    _add_tensor(digest, sound.waveform, stop)


def _add_tensor(digest: blake3, tensor: Tensor, stop: Event | None) -> None:
    _add_text(digest, "shape " + " ".join(str(extent) for extent in tensor.shape))
    with torch.inference_mode():
        for piece in _pieces(tensor):
            _look(stop)
            values = to_floats(piece).astype("<f4", copy=False)
            digest.update(values.reshape(-1).view(np.uint8).data)


def _look(stop: Event | None) -> None:
    """Raise `Stopped` when told to."""
    if stop is not None and stop.is_set():
        raise Stopped("Stopped while the clip was being identified. Run again to continue.")


def _pieces(tensor: Tensor) -> Iterator[Tensor]:
    """Slices along the first axis of about `PIECE_BYTES` as float32."""
    if tensor.ndim == 0 or tensor.numel() == 0:
        return
    row_bytes = 4 * tensor.numel() // tensor.shape[0]
    rows = max(1, PIECE_BYTES // row_bytes)
    for first in range(0, tensor.shape[0], rows):
        yield tensor[first : first + rows]
