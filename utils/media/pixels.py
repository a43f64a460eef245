"""Pictures of the graph as plain RGB: whatever their device, layout, dtype and channels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from .opencv import opencv

CLIPPED = "Values outside 0…1 (or not numbers) were clipped; check what feeds this input."

# Half a level of 8 bits: closer to 0…1 than that, clipping changes nothing.
TOLERANCE = 1 / 512
_MOST_BITS = int(np.array(1 + TOLERANCE, np.float32).view(np.uint32))
_CHANNELS = (1, 3, 4)
_STRIP_PIXELS = 96 * 1024

Pixels8 = NDArray[np.uint8]
Levels = NDArray[np.uint8] | NDArray[np.uint16]
Floats = NDArray[np.float32]


def check_channels(what: str, channels: int) -> None:
    """Refuse what is neither grey, RGB nor RGB with alpha.

    Raises:
        InputError: Another number of channels.
    """
    if channels not in _CHANNELS:
        raise InputError(
            f"The {what} has {channels} channels; 1 (grey), 3 (RGB) or 4 (RGB and alpha) are "
            "needed. Connect an IMAGE."
        )


def check_dtype(what: str, dtype: torch.dtype) -> None:
    """Refuse numbers that are neither floats in 0…1 nor 8-bit levels.

    Raises:
        InputError: Another kind of number.
    """
    if not (dtype.is_floating_point or dtype == torch.uint8):
        raise InputError(
            f"The {what} holds {str(dtype).removeprefix('torch.')} numbers; floats in 0…1 are "
            "needed. Connect an IMAGE."
        )


def to_floats(tensor: Tensor) -> Floats:
    """The values as float32 in memory order, exactly, copied only where they must be.

    Args:
        tensor: Any shape, device and strides; float of any width, or 8-bit levels, which
            become level/255.
    """
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        # numpy has no bfloat16, and a torch kernel on one frame would wake all its threads
        upper = np.ascontiguousarray(tensor.view(torch.int16).numpy()).view(np.uint16)
        return (upper.astype(np.uint32) << 16).view(np.float32)
    values = tensor.numpy()
    if values.dtype == np.uint8:
        return np.ascontiguousarray(np.divide(values, 255, dtype=np.float32), np.float32)
    return np.ascontiguousarray(values, np.float32)


def to_rgb(frame: Tensor, *, mask: Tensor | None = None) -> Floats:
    """One picture as RGB, what is transparent laid on white; values as they are.

    Args:
        frame: Shape (H, W, C), C 1, 3 or 4; float in 0…1 or 8-bit levels, any device.
        mask: Shape (H, W), 1 where the picture is transparent, as LoadImage gives it.

    Returns:
        Shape (H, W, 3), contiguous; the tensor's own memory where that is possible.
    """
    values = to_floats(frame)
    if values.shape[-1] == 4:
        values = _on_white(values[..., :3], values[..., 3:])
    if mask is not None:
        values = _on_white(values, 1 - to_floats(mask)[..., None])
    return np.repeat(values, 3, axis=-1) if values.shape[-1] == 1 else values


def in_unit(values: Floats) -> tuple[Floats, bool]:
    """Values clipped to 0…1, and whether that changed a pixel; NaN becomes 0."""
    # the bits of floats in 0…1 sort like whole numbers, those of all others lie above
    if not values.size or int(values.view(np.uint32).max()) <= _MOST_BITS:
        return values, False
    # NaN fails both comparisons, so it counts as outside
    inside = (values >= -TOLERANCE) & (values <= 1 + TOLERANCE)
    numbers = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    return np.clip(numbers, 0.0, 1.0), not bool(inside.all())


def to_levels(values: Floats) -> tuple[Pixels8, bool]:
    """RGB rounded to 8 bits, shape kept, and whether values had to be clipped."""
    levels = np.empty(values.shape, np.uint8)
    height, width, channels = values.shape
    clipped = False
    for rows in strips(height, width):
        part, changed = in_unit(values[rows])
        clipped = clipped or changed
        target = levels[rows].reshape(-1, width * channels)
        opencv().convertScaleAbs(part.reshape(target.shape), alpha=255.0, dst=target)
    return levels, clipped


def strips(height: int, width: int) -> Iterator[slice]:
    """Bands of an even number of rows, for passes over one that stay in a core's cache.

    OpenCV also wakes its threads for whole pictures only, and these would take the cores from
    the encoder.
    """
    rows = max(2, _STRIP_PIXELS // max(1, width) // 2 * 2)
    for first in range(0, height, rows):
        yield slice(first, min(height, first + rows))


def _on_white(colour: Floats, alpha: Floats) -> Floats:
    return np.ascontiguousarray(colour * alpha + (1 - alpha), np.float32)
