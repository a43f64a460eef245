"""A character small enough for a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..media.opencv import opencv
from ..replacing import replacing
from .request import PictureCharacter

SIDE_PX = 128
_QUALITY = 82


def write_thumbnail(character: PictureCharacter, target: Path) -> None:
    """Write a small JPEG of a picture, whole or not at all.

    Args:
        character: The picture; its transparent parts are laid on white.
        target: Where it goes.
    """
    cv2 = opencv()
    pixels = _coarse(character)
    height, width = pixels.shape[:2]
    factor = min(1.0, SIDE_PX / max(width, height))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    good, data = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    if not good:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        part.write_bytes(data.tobytes())


def _coarse(character: PictureCharacter) -> NDArray[Any]:
    """Every nth pixel as 8-bit RGB: enough for a thumbnail, and quick for any picture."""
    image, mask = character.image, character.mask
    step = max(1, min(image.shape[0], image.shape[1]) // (2 * SIDE_PX))
    with torch.inference_mode():
        few = image[::step, ::step].detach().cpu()
        values = few.float() / 255 if few.dtype == torch.uint8 else few.float()
        values = values.nan_to_num(0.0).clamp(0, 1)
        if values.shape[2] == 1:
            values = values.expand(-1, -1, 3)
        if values.shape[2] == 4:
            values = 1 + (values[..., :3] - 1) * values[..., 3:]
        if mask is not None and mask.shape == image.shape[:2]:
            cover = mask[::step, ::step].detach().cpu().float().clamp(0, 1)
            values = 1 + (values - 1) * (1 - cover[..., None])
        return np.ascontiguousarray((values * 255).round().to(torch.uint8).numpy())
