"""Colours go up as the standard says, measured against a reference in floating point."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from apixo_wan_animate.utils.media.clipfile import EncodeOptions
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.types import FileClip, FramesClip, Size
from apixo_wan_animate.utils.media.yuv import YuvFrames
from clips_made import Recipe, frame_of, write_clip

H, W, PATCH = 256, 320, 32
KR, KB = 0.2126, 0.0722
LUMA = np.array([KR, 1 - KR - KB, KB])
BEST = EncodeOptions(crf=1)
# Without loss, so that every error is the conversion's.
EXACT = EncodeOptions(crf=0)


def patches(seed: int = 3) -> np.ndarray:
    """Flat patches of random colours, the primaries, black and white among them; 0…1."""
    random = np.random.default_rng(seed)
    rows, columns = H // PATCH, W // PATCH
    colours = random.random((rows * columns, 3))
    colours[:8] = [[bit >> 2 & 1, bit >> 1 & 1, bit & 1] for bit in range(8)]
    small = colours.reshape(rows, columns, 3)
    return small.repeat(PATCH, 0).repeat(PATCH, 1).astype(np.float32)


def ramps() -> np.ndarray:
    """Each primary, and grey, from 0 to 1 across the picture."""
    across = np.linspace(0, 1, W, dtype=np.float32)
    picture = np.zeros((H, W, 3), np.float32)
    for band, channels in enumerate(([0], [1], [2], [0, 1, 2])):
        rows = slice(band * H // 4, (band + 1) * H // 4)
        for channel in channels:
            picture[rows, :, channel] = across
    return picture


def texture(count: int) -> np.ndarray:
    """Grain on moving detail, away from black and white."""
    random = np.random.default_rng(9)
    wall = random.normal(0.5, 0.1, (H // 4 + count, W // 4 + count, 3)).repeat(4, 0).repeat(4, 1)
    grain = random.normal(0, 0.02, (H, W, 1))
    frames = [wall[n : n + H, 2 * n : 2 * n + W] + grain for n in range(count)]
    return np.clip(np.stack(frames), 0.1, 0.9).astype(np.float32)


def planes_of(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as container:
        frame = next(container.decode(video=0))
        return planes(frame)


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    views = [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    ]
    return [np.array(view, np.float64) for view in views]


def reference_rgb(file: Path) -> np.ndarray:
    """RGB as 0…255 by the standard's own formula, chroma taken as it is stored."""
    y, cb, cr = planes_of(file)
    cb, cr = (plane.repeat(2, 0).repeat(2, 1) for plane in (cb, cr))
    luma, pb, pr = (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224
    red, blue = luma + 2 * (1 - KR) * pr, luma + 2 * (1 - KB) * pb
    green = (luma - KR * red - KB * blue) / (1 - KR - KB)
    return 255 * np.clip(np.stack([red, green, blue], -1), 0, 1)


def rgb_of(stored, scale: int, range_: int, weights: tuple[float, float]) -> np.ndarray:
    """What a file's numbers say, as 0…255."""
    y, cb, cr = (np.asarray(plane, np.float64) for plane in stored)
    if range_ == 1:
        y, pb, pr = (y / scale - 16) / 219, (cb / scale - 128) / 224, (cr / scale - 128) / 224
    else:
        top = 256 * scale - 1
        y, pb, pr = y / top, (cb - 128 * scale) / top, (cr - 128 * scale) / top
    kr, kb = weights
    red, blue = y + 2 * (1 - kr) * pr, y + 2 * (1 - kb) * pb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return 255 * np.clip(np.stack([red, green, blue], -1), 0, 1)


def inner(values: np.ndarray) -> np.ndarray:
    """Only the middles of patches, where 4:2:0 has nothing to blur."""
    tiles = values.reshape(H // PATCH, PATCH, W // PATCH, PATCH, 3)
    return tiles[:, 8:-8, :, 8:-8]


def encoded(target: Path, picture: np.ndarray, count: int = 2) -> Path:
    frames = torch.from_numpy(picture)[None].expand(count, -1, -1, -1)
    return encode_clip(FramesClip(frames, Fraction(25)), target, options=EXACT).path


def test_flat_colours_are_within_two_levels(tmp_path):
    error = inner(reference_rgb(encoded(tmp_path / "a.mp4", patches())) - 255 * patches())

    assert np.abs(error).max() <= 2
    assert np.abs(error).mean() <= 0.5


def test_ramps_are_within_two_levels(tmp_path):
    error = reference_rgb(encoded(tmp_path / "a.mp4", ramps())) - 255 * ramps()
    edges = [n * H // 4 + offset for n in (1, 2, 3) for offset in (-2, -1, 0, 1)]
    away = np.delete(error, edges, 0)[:, 4:-4]

    assert np.abs(away).mean() <= 0.7
    assert np.abs(away[:, :, :]).max() <= 4  # half a step of 4:2:0 on a slope
    grey = np.delete(error, edges, 0)[-H // 4 + 4 :]
    assert np.abs(grey).max() <= 1


def test_the_planes_are_the_standards_to_half_a_level():
    picture = patches(5)

    seen, clipped = YuvFrames(Size(W, H)).of_floats(picture)

    y, cb, cr = planes(seen)
    luma = picture.astype(np.float64) @ LUMA
    pb = (picture[..., 2] - luma) / (2 * (1 - KB))
    pr = (picture[..., 0] - luma) / (2 * (1 - KR))
    middle = (slice(4, None, PATCH // 2), slice(4, None, PATCH // 2))
    assert not clipped
    assert np.abs(y - (16 + 219 * luma)).max() <= 0.501
    assert np.abs(cb[middle] - (128 + 224 * pb)[8::PATCH, 8::PATCH]).max() <= 0.501
    assert np.abs(cr[middle] - (128 + 224 * pr)[8::PATCH, 8::PATCH]).max() <= 0.501


def test_grey_stays_grey():
    grey = np.linspace(0, 1, H * W, dtype=np.float32).reshape(H, W, 1).repeat(3, 2)

    _, cb, cr = planes(YuvFrames(Size(W, H)).of_floats(grey)[0])

    assert (cb == 128).all()
    assert (cr == 128).all()


def test_chroma_sits_left_and_between_the_rows():
    """One red column of luma: 1-2-1 across gives its own pair half, the next pair a quarter."""
    picture = np.zeros((H, W, 3), np.float32)
    picture[:, 101] = (1, 0, 0)

    *_, cr = planes(YuvFrames(Size(W, H)).of_floats(picture)[0])

    full = 224 * 0.5
    assert cr[10, 50] - 128 == pytest.approx(full / 4, abs=1.1)
    assert cr[10, 51] - 128 == pytest.approx(full / 4, abs=1.1)
    picture[:, 101], picture[:, 100] = 0, (1, 0, 0)
    *_, cr = planes(YuvFrames(Size(W, H)).of_floats(picture)[0])
    assert cr[10, 50] - 128 == pytest.approx(full / 2, abs=1.1)
    assert (cr[10, 49], cr[10, 51]) == (128, 128)


def test_texture_keeps_its_luma(tmp_path):
    source = texture(4)
    file = tmp_path / "a.mp4"
    encode_clip(FramesClip(torch.from_numpy(source), Fraction(25)), file, options=BEST)

    luma = (planes_of(file)[0] - 16) / 219 * 255

    assert abs(np.mean(luma - 255 * (source[0] @ LUMA))) <= 0.1


def test_five_generations_hardly_drift(tmp_path):
    first = torch.from_numpy(texture(4))
    frames = first
    for generation in range(5):
        file = tmp_path / f"{generation}.mp4"
        encode_clip(FramesClip(frames, Fraction(25)), file, options=BEST)
        frames = decode(file).frames

    drift = 255 * (frames - first).double().numpy().mean((0, 1, 2))
    assert abs(drift @ LUMA) <= 0.5
    assert np.abs(drift).max() <= 0.5


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("range_", [1, 2], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("red", "blue", "code"),
    [(0.299, 0.114, 6), (0.2126, 0.0722, 1), (0.2627, 0.0593, 9)],
    ids=["601", "709", "2020"],
)
def test_a_file_of_any_matrix_and_range_goes_up_as_709(tmp_path, bits, range_, red, blue, code):
    rgb = patches(7)
    scale, top = 2 ** (bits - 8), 2**bits - 1
    luma = rgb @ np.array([red, 1 - red - blue, blue])
    pb, pr = (rgb[..., 2] - luma) / (2 * (1 - blue)), (rgb[..., 0] - luma) / (2 * (1 - red))
    if range_ == 1:
        numbers = [(16 + 219 * luma) * scale, (128 + 224 * pb) * scale, (128 + 224 * pr) * scale]
    else:
        numbers = [luma * top, pb * top + 128 * scale, pr * top + 128 * scale]
    kind = np.uint8 if bits == 8 else np.uint16
    stored = [np.clip(np.rint(number), 0, top).astype(kind) for number in numbers]
    pixel_format = "yuv444p" if bits == 8 else "yuv444p10le"
    recipe = Recipe(codec="ffv1", options={}, rate=25, matrix=code, range=range_)
    source = write_clip(tmp_path / "a.mkv", [frame_of(stored, pixel_format)] * 2, recipe)

    done = encode_clip(FileClip(source), tmp_path / "sent.mp4", options=EXACT)

    error = inner(reference_rgb(done.path) - rgb_of(stored, scale, range_, (red, blue)))
    assert not done.remuxed
    assert np.abs(error).max() <= 2
    assert np.abs(error).mean() <= 0.5
