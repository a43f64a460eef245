"""One decoded frame to RGB: exact for every matrix and range, on every version of PyAV.

Luma and chroma are widened to 16 bits, so that nothing is rounded on the way but the end, and
converted with OpenCV's whole-plane passes. swscale only unpacks what is not planar: its colours
changed between versions, and it places chroma half a pixel to the right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from .chroma import Chroma, Plane16
from .colour import Colour, Matrix, colour_of, yuv_to_rgb
from .opencv import opencv

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
# Few enough for the cache, and enough that calls cost little beside what they do.
_STRIP_PIXELS = 100 * 1024
_UNIT = np.float32(1.0 / 65535)

Slot = Callable[[slice], NDArray[np.float32]]
"""Gives such rows of where a frame belongs, to be written at once."""


class Converter:
    """Turns frames into RGB; its memory serves one frame after the other."""

    def __init__(self) -> None:
        self._form: _Form | None = None
        self._passes: _Passes | None = None

    def to_rgb(self, frame: VideoFrame) -> NDArray[Any]:
        """A frame as RGB, shape (H, W, 3): uint16 up to 65535, or uint8 where it is stored so."""
        colour = colour_of(frame)
        planar = _planar(frame, colour)
        if planar is None:
            return _interleaved(frame, colour)
        whole = np.empty((frame.height, frame.width, 3), np.uint16)
        for rows, rgb in self._passes_for(planar).strips(planar, colour):
            whole[rows] = rgb
        return whole

    def write_unit(self, frame: VideoFrame, slot: Slot) -> None:
        """Write a frame into a float32 slot of its own size, as 0…1; row after row."""
        colour = colour_of(frame)
        planar = _planar(frame, colour)
        if planar is None:
            write_unit(_interleaved(frame, colour), slot(slice(None)))
            return
        passes = self._passes_for(planar)
        for rows, rgb in passes.strips(planar, colour):
            passes.write_unit(rgb, slot, rows)

    def _passes_for(self, frame: VideoFrame) -> _Passes:
        form = _Form.of(frame)
        if self._passes is None or self._form != form:
            self._form, self._passes = form, _Passes(form)
        return self._passes


@dataclass(frozen=True)
class _Form:
    """What decides over the memory that a conversion takes.

    Attributes:
        width: Of luma.
        height: Of luma.
        bits: Of one number.
        across: Columns of luma to a sample of chroma.
        down: Rows of luma to a sample of chroma.
    """

    width: int
    height: int
    bits: int
    across: int
    down: int

    @classmethod
    def of(cls, frame: VideoFrame) -> _Form:
        form = frame.format
        across, down = 16 // form.chroma_width(16), 16 // form.chroma_height(16)
        return cls(frame.width, frame.height, form.components[0].bits, across, down)


class _Passes:
    """Everything from planes to RGB, for frames of one form.

    Chroma is brought to full size at once; the rest goes strip by strip, so that what one pass
    writes the next finds in the core's cache.
    """

    def __init__(self, form: _Form) -> None:
        self._form = form
        self._strips = [
            slice(first, min(form.height, first + step))
            for step in [max(1, _STRIP_PIXELS // form.width)]
            for first in range(0, form.height, step)
        ]
        rows, width = self._strips[0].stop, form.width
        shape = (-(-form.height // form.down), -(-width // form.across))
        self._blue, self._red = (
            Chroma(*shape, bits=form.bits, down=form.down, across=form.across) for _ in range(2)
        )
        # The columns of a matrix that expects all numbers at 16 bits, for those that come.
        step = 2.0 ** (16 - form.bits)
        chroma_step = step / self._blue.scale
        self._steps = np.array([step, chroma_step, chroma_step, 1.0])
        self._luma = np.zeros((rows, width), np.uint16)
        self._yuv = np.zeros((rows, width, 3), np.uint16)
        self._rgb = np.zeros((rows, width, 3), np.uint16)
        self._floats = np.zeros((rows, width, 3), np.float32)

    def strips(self, frame: VideoFrame, colour: Colour) -> Iterator[tuple[slice, Plane16]]:
        """Rows and their RGB; each strip overwrites the one before."""
        cv2, form = opencv(), self._form
        matrix = yuv_to_rgb(colour, form.bits) * self._steps
        kind = "<u2" if form.bits > 8 else "u1"
        luma, blue, red = (_view(frame, index, kind) for index in range(3))
        blue, red = self._blue.of(blue), self._red.of(red)
        for rows in self._strips:
            count = rows.stop - rows.start
            own = self._luma[:count]
            np.copyto(own, luma[rows])
            chroma = (blue[rows, : form.width], red[rows, : form.width])
            yuv = cv2.merge([own, *chroma], self._yuv[:count])
            yield rows, cv2.transform(yuv, matrix, self._rgb[:count])

    def write_unit(self, rgb: Plane16, slot: Slot, rows: slice) -> None:
        """As the function of that name, in fewer cycles: numpy converts by small pieces."""
        floats = self._floats[: len(rgb)]
        np.copyto(floats, rgb)
        np.multiply(floats, _UNIT, out=slot(rows))


def to_rgb(frame: VideoFrame) -> NDArray[Any]:
    """One frame as RGB in memory of its own; see `Converter.to_rgb`."""
    return Converter().to_rgb(frame)


def write_unit(rgb: NDArray[Any], slot: NDArray[np.float32]) -> None:
    """Write RGB of any integer type into a float32 slot of the same shape, as 0…1."""
    scale = np.float32(1.0 / np.iinfo(rgb.dtype).max)
    np.multiply(rgb, scale, out=slot, dtype=np.float32)


def _planar(frame: VideoFrame, colour: Colour) -> VideoFrame | None:
    """A frame of luma and chroma as three planes; None where it is something else."""
    sampling = _sampling(frame.format)
    if colour.matrix is Matrix.RGB or sampling is None or len(frame.format.components) < 3:
        return None
    if _is_planar(frame.format):
        return frame
    bits = frame.format.components[0].bits
    return _unpacked(frame, f"yuv{sampling}p" + ("" if bits == 8 else f"{bits}le"), colour)


def _interleaved(frame: VideoFrame, colour: Colour) -> NDArray[Any]:
    """What has no three planes: RGB of any kind, or grey."""
    if colour.matrix is Matrix.RGB or _sampling(frame.format) is None:
        return _from_rgb(frame, colour)
    return _from_grey(frame, colour, frame.format.components[0].bits)


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
