"""Frames from a video, a URL or a file: exact, and only those that are wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..utils.errors import InputError, spelled
from ..utils.media.decode import Decoded, decode_clip
from ..utils.media.taking import take
from ..utils.media.types import Clip, FileClip, FramesClip
from . import _host as host
from ._host import io
from .outputs import FrameOptions
from .schema import CATEGORY, frame_inputs
from .session import fetch_clip
from .sounds import to_audio
from .values import text_of
from .waiting import in_thread
from .workers import DECODING, DOWNLOADS


class ApixoLoadFrames(io.ComfyNode):
    """Decode a clip with exact colours, rate and count, in memory once."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The node as the graph sees it."""
        return io.Schema(
            node_id="ApixoLoadFrames",
            display_name="Load Frames (APIXO)",
            category=CATEGORY,
            description="Outputs the frames and audio of a video, a URL or a file in ComfyUI's "
            "input folder. Frames you leave out are never stored.",
            search_aliases=["load video", "video frames", "apixo"],
            inputs=[
                io.Video.Input("video", optional=True, tooltip="A video from the graph."),
                io.String.Input(
                    "url", default="", tooltip="Or the public address of a video file."
                ),
                io.String.Input(
                    "file",
                    default="",
                    tooltip="Or a file in ComfyUI's input folder, such as clip.mp4; “clip.mp4 "
                    "[output]” is one in the output folder.",
                ),
                *frame_inputs(),
            ],
            outputs=[
                io.Image.Output("frames", display_name="frames"),
                io.Audio.Output("audio", display_name="audio"),
                io.Float.Output("frame_rate", display_name="frame_rate"),
                io.Int.Output("count", display_name="count"),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> str:
        """A file that was written anew is read anew."""
        name = inputs.get("file")
        if not isinstance(name, str) or not name.strip():
            return ""
        name = name.strip()
        try:
            found = host.input_file(name).stat()
        except (OSError, ValueError):
            return name
        return f"{name} {found.st_mtime_ns} {found.st_size}"

    @classmethod
    async def execute(
        cls, *, url: str, file: str, video: Any = None, **frame_numbers: int
    ) -> io.NodeOutput:
        """Decode the one clip that was given."""
        selection = FrameOptions(**frame_numbers).selection()
        clip, owned = await _find(video, text_of(url, "url"), text_of(file, "file"))

        def work(stop: threading.Event, progress: Callable[[int, int | None], None]) -> Decoded:
            read = take if isinstance(clip, FramesClip) else decode_clip
            return read(clip, selection, stop=stop, progress=progress)

        try:
            decoded = await in_thread(work, phase="decoding", workers=DECODING)
        finally:
            if owned is not None:
                owned.unlink(missing_ok=True)
        count = int(decoded.frames.shape[0])
        text = f"{count} frames at {float(decoded.frame_rate):g} fps"
        host.show_text(f"{text} · {decoded.note}" if decoded.note else text, host.current_node_id())
        return io.NodeOutput(
            decoded.frames, to_audio(decoded.sound), float(decoded.frame_rate), count
        )


async def _find(video: Any, url: str, file: str) -> tuple[Clip, Path | None]:
    """The clip, and the downloaded file that must go when it is read."""
    given = [
        n for n, there in (("video", video is not None), ("url", url), ("file", file)) if there
    ]
    if len(given) != 1:
        how = f"given twice: {' and '.join(given)}" if given else "missing"
        raise InputError(f"The clip is {how}. Use exactly one of video, url and file.")
    if url:
        path = await in_thread(
            lambda stop, progress: fetch_clip(url, stop=stop, progress=progress),
            phase="downloading",
            workers=DOWNLOADS,
        )
        return FileClip(path), path
    if file:
        return FileClip(_existing(file)), None
    clip = host.read_video(video)
    if isinstance(clip, FramesClip) and clip.frame_rate <= 0:
        raise InputError(
            f"The video's frame rate is {clip.frame_rate}; it must be above 0. "
            "Set the fps of the node that makes the video."
        )
    return clip, None


def _existing(name: str) -> Path:
    try:
        path = host.input_file(name)
        there = path.is_file()
    except OSError:  # such as a name that is longer than any file's
        there = False
    except ValueError as error:
        raise InputError(
            "The file is outside ComfyUI's input, output and temp folders. Copy it into the "
            "input folder, and enter its name."
        ) from error
    if not there:
        raise InputError(
            f"There is no file “{spelled(name, most=80)}” in ComfyUI's input folder. "
            "Copy it there, or correct the name."
        )
    return path
