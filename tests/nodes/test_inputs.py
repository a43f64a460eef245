"""What a beginner wires wrongly is named in two sentences, before anything is encoded."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
import torch
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes.inputs import build_request, exact_rate
from apixo_wan_animate.utils.errors import InputError
from apixo_wan_animate.utils.media.types import FileClip, FramesClip, Sound
from apixo_wan_animate.utils.tasks.request import PictureCharacter, UrlCharacter, UrlMotion

H, W = 216, 264
PICTURE = torch.rand(1, H, W, 3)
FRAMES = torch.rand(5, 208, 224, 3)
AUDIO = {"waveform": torch.rand(1, 2, 900) - 0.5, "sample_rate": 8000}


def ask(**changes):
    inputs = {
        "character": PICTURE, "character_mask": None, "motion": None, "motion_frames": FRAMES,
        "audio": None, "frame_rate": 24.0, "type": "replace", "resolution": "480p", "prompt": "",
        "seed": 0, "provider": "key default", "host": "auto", "sound": "keep",
        "character_url": "", "motion_url": "",
    }  # fmt: skip
    return build_request(**(inputs | changes))


WRONG = {
    "no character": ({"character": None}, "no character"),
    "two characters in a batch": ({"character": PICTURE.expand(2, -1, -1, -1)}, "Rebatch Images"),
    "an empty batch": ({"character": PICTURE[:0]}, "no picture"),
    "a picture and a url": ({"character_url": "https://example.org/a.png"}, "two characters"),
    "a mask of another size": ({"character_mask": torch.ones(1, 9, 7)}, "mask"),
    "no motion": ({"motion_frames": None}, "no motion"),
    "two kinds of motion": ({"motion_url": "https://example.org/a.mp4"}, "given twice"),
    "an empty clip": ({"motion_frames": FRAMES[:0]}, "empty"),
    "a frame rate of 0": ({"frame_rate": 0.0}, "frame rate is 0"),
    "a frame rate below 0": ({"frame_rate": -3.0}, "frame rate is -3"),
    "a frame rate of nan": ({"frame_rate": float("nan")}, "frame rate is nan"),
    "a tiny frame rate": ({"frame_rate": 1e-9}, "frame rate"),
    "a generated video without rate": (
        {"motion_frames": None, "motion": host.FakeVideo(FramesClip(FRAMES, Fraction(0)))},
        "frame rate is 0",
    ),
    "a generated video without a frame": (
        {"motion_frames": None, "motion": host.FakeVideo(FramesClip(FRAMES[:0], Fraction(9)))},
        "empty",
    ),
    "a generated video of no shape": (
        {"motion_frames": None, "motion": host.FakeVideo(FramesClip(torch.zeros(()), Fraction(9)))},
        "empty",
    ),
    "seed too large": ({"seed": 2**31}, "2147483647"),
    "seed below -1": ({"seed": -2}, "-1"),
    "a type nobody knows": ({"type": "dance"}, "dance"),
    "a resolution nobody knows": ({"resolution": "8k"}, "8k"),
    "a provider nobody knows": ({"provider": "cheap"}, "cheap"),
    "a host nobody knows": ({"host": "ftp"}, "ftp"),
    "sound for a url": (
        {"motion_frames": None, "motion_url": "https://example.org/a.mp4", "audio": AUDIO},
        "URL",
    ),
    "audio that is none": ({"audio": {"samples": 3}}, "AUDIO"),
    "audio of two at once": (
        {"audio": AUDIO | {"waveform": torch.zeros(2, 1, 9)}},
        "a batch of 2 sounds",
    ),
}


@pytest.mark.parametrize("changes, words", WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_named_in_two_sentences(changes, words):
    with pytest.raises(InputError) as caught:
        ask(**changes)
    message = str(caught.value)
    assert words in message
    assert len(re.findall(r"[.!?](?: |$)", message)) >= 2, message
    assert message.endswith(".")


@pytest.mark.parametrize("word", ["character_url", "motion_url"])
@pytest.mark.parametrize("url", ["example.org/a.png", "file:///etc/passwd", "/tmp/a.mp4", "data:x"])
def test_a_url_without_http_is_refused(word, url):
    other = {"character_url": {"character": None}, "motion_url": {"motion_frames": None}}[word]
    with pytest.raises(InputError, match="http"):
        ask(**other, **{word: url})


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(23.976, Fraction(24000, 1001)), (23.98, Fraction(24000, 1001)), (24.0, Fraction(24)),
     (29.97, Fraction(30000, 1001)), (59.94, Fraction(60000, 1001)), (12.5, Fraction(25, 2)),
     (16.0, Fraction(16)), (1 / 3, Fraction(1, 3)), (119.88, Fraction(120000, 1001))],
)  # fmt: skip
def test_a_rounded_rate_stands_for_the_exact_one(typed, meant):
    assert exact_rate(typed) == meant


def test_frames_come_with_rate_and_sound():
    request = ask(audio=AUDIO)
    assert isinstance(request.motion, FramesClip)
    assert request.motion.frames is FRAMES
    assert request.motion.frame_rate == 24
    assert request.motion.sound.waveform.shape == (2, 900)


def test_audio_takes_the_place_of_a_videos_own_sound(tmp_path):
    video = host.FakeVideo(FileClip(tmp_path / "a.mp4", 1.5, 2.0))
    request = ask(motion_frames=None, motion=video, audio=AUDIO)
    assert (request.motion.start_s, request.motion.duration_s) == (1.5, 2.0)
    assert isinstance(request.motion.sound, Sound)


def test_the_empty_mask_of_an_opaque_picture_is_no_mask():
    assert ask(character_mask=torch.zeros(1, 64, 64)).character.mask is None


def test_the_mask_of_a_transparent_picture_goes_with_it():
    mask = torch.zeros(1, H, W)
    mask[0, 3, 5] = 1
    character = ask(character_mask=mask).character
    assert isinstance(character, PictureCharacter)
    assert character.mask[3, 5] == 1


def test_urls_are_taken_as_they_are():
    request = ask(
        character=None, character_url=" https://example.org/a.png?x=1 ",
        motion_frames=None, motion_url="https://example.org/b.mp4",
    )  # fmt: skip
    assert request.character == UrlCharacter("https://example.org/a.png?x=1")
    assert request.motion == UrlMotion("https://example.org/b.mp4")
