"""From a picture's own size to the one it is sent in."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .opencv import opencv
from .pixels import Levels, Pixels8
from .types import Size

Kind = TypeVar("Kind", Pixels8, NDArray[np.uint16], Levels)


def size_of(rgb: Levels) -> Size:
    """The extent of an array of shape (H, W, …)."""
    return Size(int(rgb.shape[1]), int(rgb.shape[0]))


def resized(rgb: Kind, size: Size) -> Kind:
    """The picture in another size: by area when it shrinks, by cubic curves when it grows."""
    cv2 = opencv()
    own = size_of(rgb)
    if own == size:
        return rgb
    shrinks = size.width * size.height < own.width * own.height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(rgb, (size.width, size.height), interpolation=method)


def fitted(rgb: Kind, size: Size) -> Kind:
    """The picture in the size of `envelope.clip_size`: odd sides gain a row of edge pixels."""
    cv2 = opencv()
    own = size_of(rgb)
    right, bottom = size.width - own.width, size.height - own.height
    if right in (0, 1) and bottom in (0, 1):
        if right or bottom:
            return cv2.copyMakeBorder(rgb, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        return rgb
    return resized(rgb, size)
