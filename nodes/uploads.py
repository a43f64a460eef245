"""Media to addresses, for whatever else in the graph wants a URL."""

from __future__ import annotations

import time
from typing import Any

from ..utils.errors import InputError
from ..utils.tasks.request import ShareWish
from . import _host as host
from ._host import io
from .inputs import SOUNDS, host_name, one_picture, read_motion
from .schema import CATEGORY, frame_rate_input, host_input, sound_input
from .session import service
from .values import word_of
from .waiting import watch_share


def _upload_host_input() -> Any:
    return host_input("Where the file goes. auto: the first of these that your settings allow.")


async def _give(wish: ShareWish) -> io.NodeOutput:
    """Bring a medium to its address; the link itself goes into the graph, not into the history."""
    hosted = await watch_share(service().share(wish))
    text = " · ".join(("uploaded; anyone with the link can read it", *hosted.warnings))
    host.show_text(text, host.current_node_id())
    return io.NodeOutput(hosted.url, ui={"text": (text,)})


class ApixoUploadImage(io.ComfyNode):
    """A picture to a URL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The node as the graph sees it."""
        return io.Schema(
            node_id="ApixoUploadImage",
            display_name="Upload Image (APIXO)",
            category=CATEGORY,
            description="Uploads one picture, without any metadata, to the place chosen in the "
            "settings, and outputs its URL. The same picture is uploaded only once.",
            search_aliases=["image to url", "upload", "apixo"],
            inputs=[
                io.Image.Input("image", tooltip="One picture."),
                io.Mask.Input("mask", optional=True, tooltip="What it hides becomes white."),
                _upload_host_input(),
            ],
            outputs=[io.String.Output("url", display_name="url")],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> float:
        """Links expire, so each run asks anew; what lies there still is not sent again."""
        return time.time()

    @classmethod
    async def execute(cls, *, image: Any, host: str, mask: Any = None) -> io.NodeOutput:
        """Upload the picture, if it does not lie there already."""
        picture = one_picture(image, mask, name="image", mask_name="mask")
        return await _give(ShareWish(picture, host_name(host)))


class ApixoUploadVideo(io.ComfyNode):
    """A clip to a URL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The node as the graph sees it."""
        return io.Schema(
            node_id="ApixoUploadVideo",
            display_name="Upload Video (APIXO)",
            category=CATEGORY,
            description="Uploads a video or a batch of frames, as an H.264 MP4 without any tags, "
            "to the place chosen in the settings, and outputs its URL. The same clip is uploaded "
            "only once.",
            search_aliases=["video to url", "frames to url", "upload", "apixo"],
            inputs=[
                io.Video.Input("video", optional=True, tooltip="A video from the graph."),
                io.Image.Input(
                    "frames", optional=True, tooltip="Or frames; wire in their frame rate as well."
                ),
                io.Audio.Input("audio", optional=True, tooltip="Sound for the clip."),
                frame_rate_input(),
                _upload_host_input(),
                sound_input("The clip's audio: keep or drop it. keep: uploaded with the clip."),
            ],
            outputs=[io.String.Output("url", display_name="url")],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> float:
        """Links expire, so each run asks anew; what lies there still is not sent again."""
        return time.time()

    @classmethod
    async def execute(
        cls, *, frame_rate: float, host: str, sound: str, **media: Any
    ) -> io.NodeOutput:
        """Upload the clip, if it does not lie there already."""
        video, frames = media.get("video"), media.get("frames")
        if (video is None) == (frames is None):
            how = "missing" if video is None else "given twice: video and frames"
            raise InputError(f"The clip is {how}. Wire in exactly one of video and frames.")
        clip = read_motion(
            {
                "motion": video,
                "motion_frames": frames,
                "audio": media.get("audio"),
                "frame_rate": frame_rate,
            }
        )
        keep = word_of(sound, "sound", SOUNDS) == "keep"
        return await _give(ShareWish(clip, host_name(host), keep_sound=keep))
