"""One decoded frame to RGB: exact for every matrix and range, on every version of PyAV.

The common kind, 8-bit 4:2:0, is converted here with OpenCV's whole-plane passes, at half the
cost of swscale. Every other kind goes through swscale to planar RGB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from .colour import Colour, Matrix, colour_of, yuv_to_rgb
from .opencv import opencv

_OWN_KINDS = frozenset({"yuv420p", "yuvj420p"})
# Numbers of libswscale/swscale.h: bicubic, full chroma in and out, accurate rounding, bit exact.
_SWSCALE_FLAGS = 0x4 | 0x2000 | 0x4000 | 0x40000 | 0x80000
_SWSCALE_MATRICES = {
    Matrix.BT709: 1,
    Matrix.FCC: 4,
    Matrix.BT601: 5,
    Matrix.SMPTE240M: 7,
    Matrix.BT2020: 9,
}
_LIMITED, _FULL = 1, 2
_LEAST_SIDE = 4


def to_rgb(frame: VideoFrame) -> NDArray[Any]:
    """A frame as RGB, shape (H, W, 3), uint8, or uint16 where it has more than 8 bits."""
    colour = colour_of(frame)
    if _is_own(frame):
        return _from_own_planes(frame, colour)
    return _from_swscale(frame, colour)


def write_unit(rgb: NDArray[Any], slot: NDArray[np.float32]) -> None:
    """Write RGB of any integer type into a float32 slot of the same shape, as 0…1."""
    scale = 1.0 / float(np.iinfo(rgb.dtype).max)
    cv2 = opencv()
    written = cv2.addWeighted(rgb, scale, rgb, 0.0, 0.0, dst=slot, dtype=cv2.CV_32F)
    if written is not slot and not np.shares_memory(written, slot):
        slot[...] = written


def _is_own(frame: VideoFrame) -> bool:
    return (
        frame.format.name in _OWN_KINDS
        and frame.width % 2 == 0
        and frame.height % 2 == 0
        and min(frame.width, frame.height) >= _LEAST_SIDE
        and all(plane.line_size > 0 for plane in frame.planes)
    )


def _view(frame: VideoFrame, index: int, dtype: Any = np.uint8) -> NDArray[Any]:
    """A plane without a copy; it lives as long as the frame."""
    plane: Any = frame.planes[index]
    rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
    return rows[:, : plane.width]


def _from_own_planes(frame: VideoFrame, colour: Colour) -> NDArray[np.uint8]:
    cv2 = opencv()
    luma, blue, red = (_view(frame, index) for index in range(3))
    merged = cv2.merge([luma, _doubled(blue), _doubled(red)])
    return cv2.transform(merged, yuv_to_rgb(colour))


def _doubled(chroma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A chroma plane at twice its size, between the rows and on the left of each pair.

    That is where H.264 and MPEG-2 place it. Rounded to even at each step: `cv2.resize` rounds up
    by an eighth of a level on average.
    """
    cv2 = opencv()
    height, width = chroma.shape
    rows = np.empty((height, 2, width), np.uint8)
    rows[0, 0], rows[-1, 1] = chroma[0], chroma[-1]
    cv2.addWeighted(chroma[1:], 0.75, chroma[:-1], 0.25, 0.0, dst=rows[1:, 0])
    cv2.addWeighted(chroma[:-1], 0.75, chroma[1:], 0.25, 0.0, dst=rows[:-1, 1])
    own = rows.reshape(2 * height, width)
    between = np.empty_like(own)
    cv2.addWeighted(own[:, :-1], 0.5, own[:, 1:], 0.5, 0.0, dst=between[:, :-1])
    between[:, -1] = own[:, -1]
    return cv2.merge([own, between]).reshape(2 * height, 2 * width)


def _from_swscale(frame: VideoFrame, colour: Colour) -> NDArray[Any]:
    deep = max(component.bits for component in frame.format.components) > 8
    source = _SWSCALE_MATRICES.get(colour.matrix, 5)
    planar = frame.reformat(
        format="gbrp16le" if deep else "gbrp",
        src_colorspace=source,
        # PyAV up to 16.1 drops a source matrix that equals the destination's, and RGB has none.
        dst_colorspace=1 if source != 1 else 5,
        src_color_range=_FULL if colour.full else _LIMITED,
        dst_color_range=_FULL,
        interpolation=_SWSCALE_FLAGS,
    )
    dtype = np.dtype("<u2") if deep else np.uint8
    green, blue, red = (_view(planar, index, dtype) for index in range(3))
    return opencv().merge([red, green, blue])
