"""The inputs that several nodes share, in the order in which workflows store them.

Never rename or reorder an input once released: widget values are stored by position.
"""

from __future__ import annotations

from typing import Any

from ..utils.apixo.request import KEY_DEFAULT, MAX_SEED, PROVIDERS, RESOLUTIONS, TYPES
from ._host import io
from .inputs import HOSTS, SOUNDS

CATEGORY = "video/Wan Animate (APIXO)"

WAN_TASK = io.Custom("APIXO_WAN_TASK")


def character_inputs() -> list[Any]:
    """Picture and clip, as media from the graph."""
    return [
        io.Image.Input(
            "character",
            optional=True,
            tooltip="One picture of the character. For several characters, wire in a list: each "
            "becomes a separate task.",
        ),
        io.Mask.Input(
            "character_mask",
            optional=True,
            tooltip="The MASK output of Load Image, for a transparent picture; what it hides "
            "becomes white.",
        ),
        *motion_inputs(),
    ]


def motion_inputs() -> list[Any]:
    """The clip, as VIDEO or as frames."""
    return [
        io.Video.Input(
            "motion",
            optional=True,
            tooltip="The clip, as VIDEO. Use only one: this, motion_frames or motion_url.",
        ),
        io.Image.Input(
            "motion_frames",
            optional=True,
            tooltip="The clip, as a batch of frames. Wire in its frame rate as well.",
        ),
        io.Audio.Input(
            "audio",
            optional=True,
            tooltip="Sound for the clip. With a VIDEO, it replaces the video's own sound.",
        ),
    ]


def frame_rate_input() -> Any:
    """The rate of a batch of frames."""
    return io.Float.Input(
        "frame_rate",
        default=0.0,
        min=0.0,
        max=240.0,
        step=0.001,
        tooltip="Frames per second of the frames you wire in; not used for a VIDEO or a URL. "
        "23.976, 29.97 and 59.94 mean the exact broadcast rates.",
    )


def task_inputs() -> list[Any]:
    """Every parameter of the service."""
    return [
        io.Combo.Input(
            "type",
            options=[*reversed(TYPES)],
            default="replace",
            tooltip="replace: the person in the clip becomes the character. "
            "animate: the character moves like the person in the clip.",
        ),
        io.Combo.Input(
            "resolution",
            options=[*RESOLUTIONS],
            default="480p",
            tooltip="Size of the result; the price per second may differ between the two.",
        ),
        io.String.Input(
            "prompt",
            default="",
            multiline=True,
            tooltip="Optional description of the result. In practice mode, “practice:fail "
            "CONTENT_VIOLATION” or “practice:slow 20” test your graph.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=-1,
            max=MAX_SEED,
            control_after_generate=io.ControlAfterGenerate.fixed,
            tooltip="The same inputs with the same seed are never paid for twice: change it for a "
            "new take. -1 lets the service choose.",
        ),
        io.Combo.Input(
            "provider",
            options=[*PROVIDERS],
            default=KEY_DEFAULT,
            tooltip="Which route APIXO uses; “key default” follows the settings of your key.",
        ),
        host_input(
            "How the picture and clip reach the service. auto: the first of these that "
            "your settings allow."
        ),
        sound_input(
            "The clip's audio: keep or drop it. keep: uploaded with the clip, and put back "
            "if the result is silent. none: neither."
        ),
    ]


def host_input(tooltip: str) -> Any:
    """Where media goes."""
    return io.Combo.Input("host", options=[*HOSTS], default="auto", tooltip=tooltip)


def sound_input(tooltip: str) -> Any:
    """Whether a clip keeps its sound."""
    return io.Combo.Input("sound", options=[*SOUNDS], default="keep", tooltip=tooltip)


def url_inputs() -> list[Any]:
    """The URL twins of both media inputs."""
    return [
        io.String.Input(
            "character_url",
            default="",
            tooltip="Public address of the picture, instead of the character input.",
        ),
        io.String.Input(
            "motion_url",
            default="",
            tooltip="Public address of an MP4, MOV or M4V, instead of the motion inputs.",
        ),
    ]


def frame_inputs() -> list[Any]:
    """Which frames are wanted; what is not wanted is never stored."""
    return [
        io.Int.Input(
            "first_frame",
            default=0,
            min=0,
            max=10_000_000,
            tooltip="Frames to skip at the start.",
        ),
        io.Int.Input(
            "frame_count",
            default=0,
            min=0,
            max=10_000_000,
            tooltip="Number of frames to output; 0 = all.",
        ),
        io.Int.Input(
            "every_nth", default=1, min=1, max=10_000, tooltip="Output only every nth frame."
        ),
        io.Int.Input(
            "longest_side",
            default=0,
            min=0,
            max=16_384,
            tooltip="Scale frames down so that their longest side has this many pixels; "
            "0 leaves them as they are.",
        ),
    ]


def decode_inputs() -> list[Any]:
    """Whether frames are wanted at all, and which."""
    return [
        io.Boolean.Input(
            "decode_frames",
            default=True,
            tooltip="Off: only the video and its audio are output; no memory is used for frames.",
        ),
        *frame_inputs(),
    ]


def result_outputs() -> list[Any]:
    """What comes of a finished task."""
    return [
        io.Image.Output("frames", display_name="frames"),
        io.Video.Output("video", display_name="video"),
        io.Audio.Output("audio", display_name="audio"),
        io.Float.Output("frame_rate", display_name="frame_rate"),
        io.String.Output("task_id", display_name="task_id"),
        io.String.Output("result_url", display_name="result_url"),
    ]
