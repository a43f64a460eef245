"""From what the graph hands over to a request, with every mistake named before it costs."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from torch import Tensor

from ..utils.apixo.request import WanOptions
from ..utils.errors import InputError, spelled
from ..utils.media.types import Clip, FileClip, FramesClip, Sound
from ..utils.tasks.request import PictureCharacter, Request, UrlCharacter, UrlMotion
from . import _host as host
from .sounds import to_sound
from .values import text_of, word_of

HOSTS = {
    "auto": "auto",
    "object store": "store",
    "this ComfyUI": "self",
    "temporary host": "temporary",
}
"""The words on the node, and the names in `utils/hosting`."""

SOUNDS = ("keep", "none")
_NTSC_BASES = (24, 30, 48, 60, 120)
_MOST_FPS = 10_000


def exact_rate(frame_rate: object) -> Fraction:
    """The rate that a rounded number stands for.

    Args:
        frame_rate: Frames per second as a widget holds them, such as 23.976.

    Returns:
        The broadcast rate n·1000/1001 where the number is one rounded to two or three places,
        else the number itself with a denominator of at most 1001.

    Raises:
        InputError: It is not a number above 0.
    """
    frame_rate = _number(frame_rate)
    if not 0 < frame_rate <= _MOST_FPS:
        raise InputError(
            f"The frame rate is {frame_rate:g}; frames need one above 0, {_MOST_FPS} at most. "
            "Wire the frame rate of your loader into frame_rate, or type it in, as in 30."
        )
    for base in _NTSC_BASES:
        rate = Fraction(base * 1000, 1001)
        if abs(frame_rate - float(rate)) < 0.005:
            return rate
    exact = Fraction(frame_rate).limit_denominator(1001)
    if exact <= 0:
        raise InputError(
            f"The frame rate is {frame_rate:g}, less than a frame in a thousand seconds. "
            "Wire the frame rate of your loader into frame_rate, or type it in, as in 30."
        )
    return exact


def _number(value: object) -> float:
    """A number that a link may have brought in any form."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(
            f"The frame rate is “{spelled(value)}”, which is no number. "
            "Wire the frame rate of your loader into frame_rate, or type it in, as in 30."
        )
    try:
        return float(value)
    except OverflowError:
        return math.inf


def build_request(**inputs: Any) -> Request:
    """Make the request of a node's inputs, named as in `schema`.

    Raises:
        InputError: Something is missing, double, or out of its range.
    """
    options = WanOptions(
        type=inputs["type"],
        resolution=inputs["resolution"],
        prompt=inputs["prompt"],
        seed=inputs["seed"],
        provider=inputs["provider"],
    )
    request = Request(
        character=_character(inputs),
        motion=read_motion(inputs),
        options=options,
        host=host_name(inputs["host"]),
        keep_sound=word_of(inputs["sound"], "sound", SOUNDS) == "keep",
    )
    request.check()
    return request


def host_name(word: object) -> str:
    """The host that a node's word means.

    Raises:
        InputError: There is no such host.
    """
    if not isinstance(word, str) or word not in HOSTS:
        raise InputError(
            f"“{spelled(word)}” is no way to host media. Choose one of: {', '.join(HOSTS)}."
        )
    return HOSTS[word]


def one_picture(image: Tensor, mask: Tensor | None) -> PictureCharacter:
    """The one picture of a batch, with its mask.

    Args:
        image: Shape (1, H, W, C).
        mask: Shape (1, H, W) or (H, W), or None.

    Raises:
        InputError: There are several, or none, or the mask is of another picture.
    """
    if not isinstance(image, Tensor) or image.ndim != 4 or image.numel() == 0:
        raise InputError(
            f"The character input holds no picture ({_shape(image)}). "
            "Wire one picture of the character into it."
        )
    if image.shape[0] > 1:
        raise InputError(
            f"The character input holds {image.shape[0]} pictures in one batch; a task takes one. "
            "To make a task of each, put the node “Rebatch Images” with batch_size 1 before it, "
            "which makes a list of them."
        )
    return PictureCharacter(image[0], _one_mask(image, mask))


def _one_mask(image: Tensor, mask: Tensor | None) -> Tensor | None:
    """The mask, unless it is the empty 64×64 one that LoadImage gives for an opaque picture."""
    if mask is None:
        return None
    plane = mask[0] if mask.ndim == 3 and mask.shape[0] else mask
    if plane.ndim == 2 and plane.shape == image.shape[1:3]:
        return plane
    if plane.ndim == 2 and not bool(plane.any()):
        return None
    raise InputError(
        f"The mask has the shape {tuple(plane.shape)}, the character {tuple(image.shape[1:3])}. "
        "Wire in the MASK of the same Load Image, or leave character_mask free."
    )


def _character(inputs: dict[str, Any]) -> PictureCharacter | UrlCharacter:
    image, url = inputs.get("character"), text_of(inputs.get("character_url"), "character_url")
    if image is not None and url:
        raise InputError(
            "There are two characters: a picture is wired in, and character_url is filled. "
            "Keep one of them."
        )
    if url:
        return UrlCharacter(url)
    if image is None:
        raise InputError(
            "There is no character. Wire a picture into character, or fill in character_url."
        )
    return one_picture(image, inputs.get("character_mask"))


def read_motion(inputs: dict[str, Any]) -> Clip | UrlMotion:
    """The clip, in the one way of three in which it was given.

    Raises:
        InputError: It is missing, given twice, empty, or has no frame rate.
    """
    video, frames = inputs.get("motion"), inputs.get("motion_frames")
    url = text_of(inputs.get("motion_url"), "motion_url")
    given = [
        name
        for name, there in (
            ("motion", video is not None),
            ("motion_frames", frames is not None),
            ("motion_url", bool(url)),
        )
        if there
    ]
    if not given:
        raise InputError(
            "There is no motion. Wire a clip into motion or motion_frames, or fill in motion_url."
        )
    if len(given) > 1:
        raise InputError(f"The clip is given twice: {' and '.join(given)}. Keep one of them.")
    sound = to_sound(inputs.get("audio"))
    if url:
        if sound is not None:
            raise InputError(
                "Sound cannot be added to a clip that is a URL. "
                "Unwire audio, or load the clip in the graph and wire it into motion."
            )
        return UrlMotion(url)
    if frames is not None:
        return _frames_clip(frames, inputs.get("frame_rate"), sound)
    return _with_sound(host.read_video(video), sound)


def _frames_clip(frames: Tensor, frame_rate: object, sound: Sound | None) -> FramesClip:
    """A batch of frames with its rate."""
    if not isinstance(frames, Tensor) or frames.ndim != 4 or frames.numel() == 0:
        raise InputError(f"The clip is empty ({_shape(frames)}). Wire at least one frame into it.")
    return FramesClip(frames, exact_rate(frame_rate), sound)


def _shape(media: object) -> str:
    return (
        f"shape {tuple(media.shape)}" if isinstance(media, Tensor) else f"a {type(media).__name__}"
    )


def _with_sound(clip: Clip, sound: Sound | None) -> Clip:
    """A clip whose sound is replaced, where there is one to replace it."""
    if isinstance(clip, FramesClip):
        if clip.frame_rate <= 0:
            raise InputError(
                f"The clip's frame rate is {clip.frame_rate}; it must be above 0. "
                "Set the fps of the node that makes the video."
            )
        if clip.frames.shape[0] == 0:
            raise InputError("The clip is empty. Wire a clip with at least one frame into motion.")
        return FramesClip(clip.frames, clip.frame_rate, sound or clip.sound)
    return FileClip(clip.source, clip.start_s, clip.duration_s, sound or clip.sound)
