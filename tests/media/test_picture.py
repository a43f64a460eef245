"""A picture of the graph becomes a file that the service takes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from apixo_wan_animate.utils.errors import EncodeError, InputError
from apixo_wan_animate.utils.media.picture import check_picture, encode_picture
from apixo_wan_animate.utils.media.types import Size

H, W = 216, 304


def noise(height: int = H, width: int = W, channels: int = 3) -> torch.Tensor:
    return torch.rand(height, width, channels, generator=torch.Generator().manual_seed(5))


def pixels_of(data: bytes) -> np.ndarray:
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def rounded(image: torch.Tensor) -> np.ndarray:
    return np.rint(image.float().numpy() * np.float32(255)).astype(np.uint8)


def test_a_picture_goes_up_without_loss_and_rounded():
    image = noise()

    picture = encode_picture(image)

    assert (picture.extension, picture.size, picture.warnings) == (".png", Size(W, H), ())
    assert np.array_equal(pixels_of(picture.data), rounded(image))


@pytest.mark.parametrize(
    "layout",
    [
        lambda image: image.double(),
        lambda image: image.permute(2, 0, 1).contiguous().permute(1, 2, 0),
        lambda image: image.transpose(0, 1).contiguous().transpose(0, 1),
        lambda image: torch.stack([image, image], -1)[..., 1],
        lambda image: image.clone().requires_grad_(),
    ],
    ids=["float64", "channels first", "columns first", "strided", "with gradient"],
)
def test_the_layout_of_a_picture_makes_no_difference(layout):
    image = noise()

    assert encode_picture(layout(image)).data == encode_picture(image).data


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_as_the_values_it_stands_for(dtype):
    image = noise().to(dtype)

    assert encode_picture(image).data == encode_picture(image.float()).data


def test_levels_of_8_bits_stay_what_they_are():
    levels = (noise() * 255).to(torch.uint8)

    assert np.array_equal(pixels_of(encode_picture(levels).data), levels.numpy())


def test_grey_becomes_rgb():
    grey = noise(channels=1)

    seen = pixels_of(encode_picture(grey).data)

    assert np.array_equal(seen, np.repeat(rounded(grey), 3, -1))


def test_alpha_is_laid_on_white():
    image = noise(channels=4)
    colour, alpha = image[..., :3].double(), image[..., 3:].double()

    seen = pixels_of(encode_picture(image).data).astype(int)

    assert np.abs(seen - rounded(colour * alpha + 1 - alpha)).max() <= 1


def test_a_mask_is_transparent_where_it_is_one():
    image, mask = noise(), torch.zeros(H, W)
    mask[: H // 2] = 1

    seen = pixels_of(encode_picture(image, mask=mask).data)

    assert (seen[: H // 2] == 255).all()
    assert np.array_equal(seen[H // 2 :], rounded(image[H // 2 :]))


def test_the_mask_of_a_picture_without_alpha_changes_nothing():
    image = noise()

    assert encode_picture(image, mask=torch.zeros(64, 64)).data == encode_picture(image).data


def test_a_mask_of_another_size_is_stretched():
    mask = torch.zeros(40, 50)
    mask[:, 25:] = 1

    seen = pixels_of(encode_picture(torch.zeros(H, W, 3), mask=mask).data)

    assert (seen[:, : W // 2 - 8] == 0).all()
    assert (seen[:, W // 2 + 8 :] == 255).all()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1.5, -0.25])
def test_what_is_no_colour_is_clipped_with_one_warning(wrong):
    image = noise()
    image[3:9, 5:11] = wrong

    picture = encode_picture(image)

    expected = 255 if wrong > 1 else 0
    assert (pixels_of(picture.data)[3:9, 5:11] == expected).all()
    assert len(picture.warnings) == 1
    assert "clipped" in picture.warnings[0]


def test_what_rounding_hides_is_not_worth_a_warning():
    image = noise()
    image[0, 0], image[1, 1] = 1.0009, -0.0009

    assert encode_picture(image).warnings == ()


def test_a_png_over_the_limit_becomes_a_jpeg_of_the_same_size():
    picture = encode_picture(noise(), limit_bytes=150_000)

    assert (picture.extension, picture.size) == (".jpg", Size(W, H))
    assert len(picture.data) <= 150_000
    assert picture.warnings == ()


def test_a_jpeg_over_the_limit_gets_smaller_and_says_so():
    picture = encode_picture(noise(480, 640), limit_bytes=90_000)

    assert picture.extension == ".jpg"
    assert len(picture.data) <= 90_000
    assert picture.size.width < 640
    assert picture.size.width / picture.size.height == pytest.approx(4 / 3, rel=0.02)
    assert "640×480" in picture.warnings[0]


def test_a_limit_that_nothing_fits_is_an_error():
    with pytest.raises(EncodeError, match="does not fit into 1000 bytes"):
        encode_picture(noise(), limit_bytes=1000)


def test_a_jpeg_keeps_coloured_lines():
    image = noise() * 0.5
    image[100:110, ::2], image[100:110, 1::2] = torch.eye(3)[0], torch.eye(3)[2]

    picture = encode_picture(image, limit_bytes=110_000)

    line = pixels_of(picture.data)[105, 100:120].astype(int)
    assert picture.extension == ".jpg"
    assert np.abs(line[::2] - (255, 0, 0)).max() < 30
    assert np.abs(line[1::2] - (0, 0, 255)).max() < 30


def test_a_picture_over_4096_px_is_scaled_down():
    picture = encode_picture(torch.full((1, 1, 3), 0.5).expand(2100, 4200, 3))

    assert picture.size == Size(4096, 2048)
    assert "4200×2100" in picture.warnings[0]


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (torch.zeros(199, 300, 3), "199 px"),
        (torch.zeros(200, 601, 3), "at most 3:1"),
        (torch.zeros(1, 300, 300, 3), "shape"),
        (torch.zeros(300, 300, 2), "2 channels"),
        (torch.zeros(300, 300, 3, dtype=torch.int64), "int64"),
        (torch.zeros(0, 300, 3), "no pixels"),
    ],
)
def test_what_is_no_picture_is_refused_in_two_sentences(image, what):
    with pytest.raises(InputError, match=what) as caught:
        check_picture(image)

    assert str(caught.value).count(". ") == 1


def test_a_mask_that_is_none_is_refused():
    with pytest.raises(InputError, match="mask"):
        encode_picture(noise(), mask=torch.zeros(1, H, W, 1))


def test_a_picture_carries_no_metadata():
    data = encode_picture(noise()).data

    kinds = []
    at = 8
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}
