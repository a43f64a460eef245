"""Our own PNG writer writes what every reader reads."""

from __future__ import annotations

import io
import zlib

import cv2
import numpy as np
import pytest
from apixo_wan_animate.utils.media import png
from PIL import Image


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(8).integers(0, 256, (height, width, 3), np.uint8)


def grain(height: int, width: int) -> np.ndarray:
    """Soft hills under noise, as a photograph has them."""
    random = np.random.default_rng(8)
    hills = cv2.GaussianBlur(random.normal(128, 400, (height, width, 3)), (0, 0), 12)
    return np.clip(hills + random.normal(0, 3, (height, width, 1)), 0, 255).astype(np.uint8)


def drawn(height: int, width: int) -> np.ndarray:
    picture = np.full((height, width, 3), 230, np.uint8)
    cv2.circle(picture, (width // 2, height // 2), height // 3, (40, 90, 200), -1, cv2.LINE_AA)
    return picture


def halves(height: int, width: int) -> np.ndarray:
    """A cut-out on white."""
    picture = grain(height, width)
    picture[:, : width // 4] = 255
    return picture


@pytest.mark.parametrize("draw", [noise, grain, drawn, halves])
@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (2, 3), (3, 2), (200, 601), (601, 200), (999, 1003)]
)
def test_every_reader_sees_every_pixel(draw, height, width):
    picture = draw(height, width)

    data = png.encode_png(picture)

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), picture)
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(bgr[..., ::-1], picture)


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 64])
def test_any_number_of_cores_writes_the_same_picture(monkeypatch, cores):
    monkeypatch.setattr(png.os, "cpu_count", lambda: cores)
    picture = grain(1501, 1100)

    data = png.encode_png(picture)

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), picture)
    assert chunks(data).count(b"IDAT") == 2 + min(cores, 3)


def chunks(data: bytes) -> list[bytes]:
    """The kinds of a file's chunks, each checked."""
    kinds, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 8 + length
        assert int.from_bytes(data[end : end + 4], "big") == zlib.crc32(data[at + 4 : end])
        kinds.append(kind)
        at = end + 4
    return kinds


def test_a_file_is_a_header_data_and_an_end():
    kinds = chunks(png.encode_png(noise(300, 300)))

    assert (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")
    assert set(kinds[1:-1]) == {b"IDAT"}


@pytest.mark.parametrize("draw", [noise, grain, drawn])
def test_it_is_hardly_larger_than_pillows(draw):
    picture, other = draw(512, 512), io.BytesIO()
    Image.fromarray(picture).save(other, "PNG")

    assert len(png.encode_png(picture)) <= 1.1 * other.tell()
