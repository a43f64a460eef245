"""Pictures that broke the practice service when `make fuzz` damaged whole ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from apixo_wan_animate.utils.errors import DecodeError
from apixo_wan_animate.utils.practice.cutout import read_cutout

H, W = 48, 56


def written(path, height: int = H, width: int = W):
    pixels = np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8)
    cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_a_whole_picture_is_read(tmp_path, ending):
    cutout = read_cutout(written(tmp_path / f"picture.{ending}"), longest_px=128)
    assert cutout.rgb.shape[2] == 3


def test_a_png_whose_chunk_is_longer_than_its_file_is_refused(tmp_path):
    """OpenCV makes room for the chunk first: two gigabytes for a file of six kilobytes."""
    file = written(tmp_path / "picture.png")
    content = bytearray(file.read_bytes())
    content[33:37] = (2**31 - 1).to_bytes(4, "big")
    file.write_bytes(content)
    with pytest.raises(DecodeError, match="cut off"):
        read_cutout(file, longest_px=128)


@pytest.mark.parametrize(("height", "width"), [(1, 56), (4, 300), (16_432, 56)])
def test_a_line_of_pixels_is_refused(tmp_path, height, width):
    file = written(tmp_path / "picture.png", height, width)
    with pytest.raises(DecodeError, match=f"{width}×{height} px, a line"):
        read_cutout(file, longest_px=128)
