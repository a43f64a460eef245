"""One decoded frame to RGB: exact for every matrix and range, on every version of PyAV.

Luma and chroma are widened to 16 bits, so that nothing is rounded on the way but the end, and
converted with OpenCV's whole-plane passes. swscale only unpacks what is not planar: its colours
changed between versions, and it places chroma half a pixel to the right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from .colour import Colour, Matrix, colour_of, yuv_to_rgb
from .opencv import opencv
from .types import Size

# Columns and rows of luma to a sample of chroma, and the names that FFmpeg gives them.
_SAMPLINGS = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411"}
_SWSCALE_MATRICES = {
    Matrix.RGB: 5,
    Matrix.BT709: 1,
    Matrix.FCC: 4,
    Matrix.BT601: 5,
    Matrix.SMPTE240M: 7,
    Matrix.BT2020: 9,
}
# Numbers of libswscale/swscale.h: bicubic, full chroma in and out, accurate rounding, bit exact.
_SWSCALE_FLAGS = 0x4 | 0x2000 | 0x4000 | 0x40000 | 0x80000
_LIMITED, _FULL = 1, 2

Plane16 = NDArray[np.uint16]


class Converter:
    """Turns frames into RGB; its buffers serve one frame after the other."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, tuple[int, ...]], Plane16] = {}

    def to_rgb(self, frame: VideoFrame) -> NDArray[Any]:
        """A frame as RGB, shape (H, W, 3): uint16 up to 65535, or uint8 where it is stored so.

        What was returned before is overwritten.
        """
        colour = colour_of(frame)
        sampling = _sampling(frame.format)
        if colour.matrix is Matrix.RGB or sampling is None:
            return _from_rgb(frame, colour)
        bits = frame.format.components[0].bits
        if len(frame.format.components) < 3:
            return _from_grey(frame, colour, bits)
        if not _is_planar(frame.format):
            name = f"yuv{sampling}p" + ("" if bits == 8 else f"{bits}le")
            frame = _unpacked(frame, name, colour)
        return self._from_planes(frame, colour, bits)

    def _from_planes(self, frame: VideoFrame, colour: Colour, bits: int) -> Plane16:
        height, width = frame.height, frame.width
        luma = self._widened("y", frame.planes[0], bits)
        blue, red = (
            self._spread(name, self._widened(name, plane, bits), Size(width, height))
            for name, plane in zip("uv", frame.planes[1:3], strict=True)
        )
        merged = opencv().merge([luma, blue, red], self._buffer("yuv", height, width, 3))
        rgb = self._buffer("rgb", height, width, 3)
        return opencv().transform(merged, yuv_to_rgb(colour, bits), rgb)

    def _buffer(self, name: str, *shape: int) -> Plane16:
        """Memory that is mapped already: fresh pages would cost as much as the arithmetic."""
        found = self._buffers.get((name, shape))
        if found is None:
            found = self._buffers[name, shape] = np.zeros(shape, np.uint16)
        return found

    def _widened(self, name: str, plane: Any, bits: int) -> Plane16:
        """A plane with its largest number near 65535."""
        height, width = plane.height, plane.width
        out = self._buffer(name, height, width)
        if bits > 8:
            rows = np.frombuffer(plane, "<u2").reshape(height, -1)[:, :width]
            return np.left_shift(rows, 16 - bits, out=out)
        rows = np.frombuffer(plane, np.uint8).reshape(height, -1)[:, :width]
        # As the high byte of each pair: much faster than a conversion.
        zeros = self._buffer("zeros", height, width).view(np.uint8)[:, :width]
        opencv().merge([zeros, rows], out.view(np.uint8).reshape(height, width, 2))
        return out

    def _spread(self, name: str, chroma: Plane16, size: Size) -> Plane16:
        """Chroma at the size of luma, from where H.264 and MPEG-2 place it.

        That is between the rows, and on the left of each pair of columns.
        """
        if chroma.shape[0] < size.height:
            chroma = self._rows_doubled(name, chroma)
        while chroma.shape[1] < size.width:
            chroma = self._columns_doubled(name, chroma)
        return chroma[: size.height, : size.width]

    def _rows_doubled(self, name: str, chroma: Plane16) -> Plane16:
        cv2 = opencv()
        height, width = chroma.shape
        rows = self._buffer(name, height, 2, width)
        rows[0, 0], rows[-1, 1] = chroma[0], chroma[-1]
        if height > 1:
            cv2.addWeighted(chroma[1:], 0.75, chroma[:-1], 0.25, 0.0, dst=rows[1:, 0])
            cv2.addWeighted(chroma[:-1], 0.75, chroma[1:], 0.25, 0.0, dst=rows[:-1, 1])
        return rows.reshape(2 * height, width)

    def _columns_doubled(self, name: str, chroma: Plane16) -> Plane16:
        cv2 = opencv()
        height, width = chroma.shape
        between = self._buffer("between", height, width)
        between[:, -1] = chroma[:, -1]
        if width > 1:
            cv2.addWeighted(chroma[:, :-1], 0.5, chroma[:, 1:], 0.5, 0.0, dst=between[:, :-1])
        pairs = self._buffer(name, height, width, 2)
        return cv2.merge([chroma, between], pairs).reshape(height, 2 * width)


def to_rgb(frame: VideoFrame) -> NDArray[Any]:
    """One frame as RGB in memory of its own; see `Converter.to_rgb`."""
    return Converter().to_rgb(frame)


def write_unit(rgb: NDArray[Any], slot: NDArray[np.float32]) -> None:
    """Write RGB of any integer type into a float32 slot of the same shape, as 0…1."""
    cv2 = opencv()
    scale = 1.0 / float(np.iinfo(rgb.dtype).max)
    cv2.addWeighted(rgb, scale, rgb, 0.0, 0.0, dst=slot, dtype=cv2.CV_32F)


def _sampling(form: VideoFormat) -> str | None:
    """How chroma is sampled, as in "420"; None where the frame is not luma and chroma."""
    other = form.is_rgb or form.has_palette or form.is_bit_stream or form.name.startswith("xyz")
    if other or form.components[0].bits > 16:
        return None
    return _SAMPLINGS.get((16 // form.chroma_width(16), 16 // form.chroma_height(16)))


def _is_planar(form: VideoFormat) -> bool:
    planes = [component.plane for component in form.components[:3]]
    return form.is_planar and planes == [0, 1, 2] and not form.is_big_endian


def _from_grey(frame: VideoFrame, colour: Colour, bits: int) -> NDArray[Any]:
    """Luma alone, without what else a frame of grey may hold."""
    grey = _unpacked(frame, "gray" if bits == 8 else "gray16le", colour)
    kind, bits = ("u1", 8) if bits == 8 else ("<u2", 16)
    luma = _view(grey, 0, kind).astype(np.uint16) << (16 - bits)
    neutral = np.full_like(luma, 1 << 15)
    return opencv().transform(opencv().merge([luma, neutral, neutral]), yuv_to_rgb(colour, bits))


def _from_rgb(frame: VideoFrame, colour: Colour) -> NDArray[Any]:
    deep = max(component.bits for component in frame.format.components) > 8
    planar = _unpacked(frame, "gbrp16le" if deep else "gbrp", colour)
    green, blue, red = (_view(planar, index, "<u2" if deep else "u1") for index in range(3))
    return opencv().merge([red, green, blue])


def _view(frame: VideoFrame, index: int, kind: str) -> NDArray[Any]:
    """A plane without a copy; it lives as long as the frame."""
    plane: Any = frame.planes[index]
    return np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width]


def _unpacked(frame: VideoFrame, name: str, colour: Colour) -> VideoFrame:
    """The same numbers in another arrangement."""
    source = _SWSCALE_MATRICES[colour.matrix]
    extent = _FULL if colour.full else _LIMITED
    is_rgb = name.startswith("gbrp")
    # PyAV up to 16.1 drops a source matrix that equals the destination's, and RGB has none.
    other = 1 if source != 1 else 5
    return frame.reformat(
        format=name,
        src_colorspace=source,
        dst_colorspace=other if is_rgb else source,
        src_color_range=extent,
        dst_color_range=_FULL if is_rgb else extent,
        interpolation=_SWSCALE_FLAGS,
    )
