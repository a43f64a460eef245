"""A character small enough for a list."""

from __future__ import annotations

import os
from pathlib import Path

from ..media.opencv import opencv
from ..media.pixels import to_levels, to_rgb
from ..media.scaling import resized, size_of
from ..media.types import Size
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
    pixels, _ = to_levels(to_rgb(character.image, mask=character.mask))
    size = size_of(pixels)
    factor = min(1.0, SIDE_PX / max(size.width, size.height))
    small = Size(max(1, round(size.width * factor)), max(1, round(size.height * factor)))
    picture = resized(pixels, small)
    good, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    if not good:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.urandom(4).hex()}.part")
    try:
        part.write_bytes(data.tobytes())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
