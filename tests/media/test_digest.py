"""The same pixels are the same request, wherever and however they lie in memory."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from threading import Event

import numpy as np
import pytest
import torch
from apixo_wan_animate.utils.errors import DecodeError, Stopped
from apixo_wan_animate.utils.media.digest import clip_digest, file_digest, picture_digest
from apixo_wan_animate.utils.media.types import FileClip, FramesClip, Sound
from blake3 import blake3

T, H, W = 7, 48, 64
RATE = Fraction(24000, 1001)


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3))


def clip(**changes) -> FramesClip:
    known = {"frames": noise(T, H, W, 3), "frame_rate": RATE, "sound": None} | changes
    return FramesClip(**known)


def digest(**changes) -> str:
    return clip_digest(clip(**changes), keep_sound=True)


def sound(**changes) -> Sound:
    known = {"waveform": noise(2, 900), "sample_rate_hz": 48_000} | changes
    return Sound(**known)


LAYOUTS = {
    "channels first": lambda x: x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1),
    "a part of something larger": lambda x: torch.cat([x, x], 2)[:, :, : x.shape[2]],
    "every second": lambda x: x.repeat_interleave(2, 0)[::2],
    "double": lambda x: x.double(),
    "with gradient": lambda x: x.clone().requires_grad_(),
    "from another view": lambda x: torch.stack([x, x], -1)[..., 1],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layout_and_strides_make_no_difference(layout):
    frames = noise(T, H, W, 3)

    assert digest(frames=layout(frames)) == digest(frames=frames)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_the_float32_values_it_stands_for(dtype):
    frames = noise(T, H, W, 3).to(dtype)

    assert digest(frames=frames) == digest(frames=frames.float())
    assert digest(frames=frames) != digest()


def test_8_bit_levels_are_what_a_loader_makes_of_them():
    levels = (noise(T, H, W, 3) * 255).to(torch.uint8)

    assert digest(frames=levels) == digest(frames=levels.float() / 255)


def test_inference_mode_makes_no_difference():
    with torch.inference_mode():
        within = digest()

    assert within == digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": noise(T, H, W, 3).transpose(1, 2)},
        {"frames": noise(T, H, W, 3).reshape(T, W, H, 3)},
        {"frames": noise(T, H, W, 3)[:-1]},
        {"frames": noise(T, H, W, 3) + 1e-6},
        {"frame_rate": Fraction(24)},
        {"frame_rate": Fraction(2397602, 100000)},
        {"sound": sound()},
    ],
    ids=[
        "sides swapped",
        "shape",
        "one frame less",
        "a hair brighter",
        "rate",
        "nearly the rate",
        "sound",
    ],
)
def test_everything_that_is_sent_counts(changes):
    assert digest(**changes) != digest()


def test_sounds_that_differ_are_different():
    variants = [
        sound(),
        sound(sample_rate_hz=44_100),
        sound(waveform=noise(1, 1800)),
        sound(waveform=noise(2, 900) * 0.5),
    ]

    assert len({digest(sound=one) for one in variants}) == len(variants)


def test_sound_that_stays_here_does_not_count():
    silent = clip_digest(clip(), keep_sound=False)

    assert clip_digest(clip(sound=sound()), keep_sound=False) == silent
    assert digest(sound=sound()) != silent


def test_a_clip_in_many_pieces_is_the_clip_in_one(monkeypatch):
    whole = digest()
    monkeypatch.setattr("apixo_wan_animate.utils.media.digest.PIECE_BYTES", H * W * 3 * 4 * 2)

    assert digest() == whole


def test_the_digest_is_of_little_endian_floats():
    frames = noise(2, 3, 5, 3)
    fields = [b"wan-animate frames 1", b"rate 24000/1001", b"shape 2 3 5 3"]
    told = [len(field).to_bytes(8, "little") + field for field in fields]
    pixels = np.asarray(frames.numpy(), "<f4").tobytes()
    end = (6).to_bytes(8, "little") + b"silent"

    assert digest(frames=frames) == blake3(b"".join(told) + pixels + end).hexdigest()


def test_a_picture_counts_with_its_mask():
    image, mask = noise(H, W, 3), noise(H, W)

    variants = {picture_digest(image), picture_digest(image, mask), picture_digest(image, 1 - mask)}
    assert len(variants) == 3
    assert picture_digest(image.transpose(0, 1).contiguous().transpose(0, 1)) in variants


def test_a_file_is_its_bytes(tmp_path):
    one, other, content = tmp_path / "one.mp4", tmp_path / "other.mov", b"\0film" * 999
    one.write_bytes(content)
    other.write_bytes(content)

    expected = clip_digest(FileClip(one), keep_sound=True)
    assert clip_digest(FileClip(other), keep_sound=True) == expected
    assert clip_digest(FileClip(BytesIO(content)), keep_sound=True) == expected
    assert file_digest(one) == blake3(content).hexdigest()
    other.write_bytes(content + b".")
    assert clip_digest(FileClip(other), keep_sound=True) != expected


def test_a_file_counts_with_its_window_and_its_sound(tmp_path):
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"film")
    variants = [
        clip_digest(FileClip(file, start, length, own), keep_sound=kept)
        for start, length in ((0, 0), (1, 0), (0, 1), (0.1, 0))
        for own, kept in ((None, True), (None, False), (sound(), True))
    ]

    assert len(set(variants)) == len(variants)
    replaced = FileClip(file, 0, 0, sound())
    assert clip_digest(replaced, keep_sound=False) == variants[1]


def test_an_empty_file_has_a_digest(tmp_path):
    file = tmp_path / "empty.mp4"
    file.touch()

    assert file_digest(file) == blake3(b"").hexdigest()


def test_a_file_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(DecodeError, match=r"gone\.mp4 cannot be read"):
        file_digest(tmp_path / "gone.mp4")


def test_a_stop_is_felt():
    stop = Event()
    stop.set()

    with pytest.raises(Stopped):
        clip_digest(clip(), keep_sound=True, stop=stop)
