"""Everything that is asked of ComfyUI, and the only file that imports it.

Tests put a stand-in in its place, so the rest of `nodes` runs without ComfyUI.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.utils
import folder_paths
from comfy_api.v0_0_2 import ComfyExtension, InputImpl, io, ui
from comfy_execution.graph_utils import ExecutionBlocker
from comfy_execution.utils import get_executing_context
from server import PromptServer

from ..utils.media.types import Clip, FileClip, FramesClip
from ..utils.settings import Folders
from .places import below
from .sounds import to_sound

__all__ = [
    "ComfyExtension",
    "ExecutionBlocker",
    "ProgressBar",
    "current_node_id",
    "folders",
    "interruption",
    "io",
    "is_interrupted",
    "port",
    "read_video",
    "result_ui",
    "routes",
    "send_event",
    "show_text",
    "tell_page",
    "video_from_file",
]

STATE_FOLDER = "apixo_wan_animate"


def folders() -> Folders:
    """Where this ComfyUI keeps things; its `user/__…` folders are not reachable over HTTP."""
    return Folders(
        state=Path(folder_paths.get_system_user_directory(STATE_FOLDER)),
        output=Path(folder_paths.get_output_directory()),
        temp=Path(folder_paths.get_temp_directory()),
    )


def input_file(name: str) -> Path:
    """The file behind a name as the core loaders write it, such as `clip.mp4 [output]`.

    Raises:
        ValueError: The name leads out of ComfyUI's folders.
    """
    named = Path(os.path.abspath(folder_paths.get_annotated_filepath(name)))  # noqa: PTH100
    allowed = (
        folder_paths.get_input_directory(),
        folder_paths.get_output_directory(),
        folder_paths.get_temp_directory(),
    )
    # By its letters first: Windows calls a server as soon as a name that leads there is looked at.
    if not any(named.is_relative_to(os.path.abspath(folder)) for folder in allowed):  # noqa: PTH100
        raise ValueError(name)
    path = named.resolve()
    if not any(path.is_relative_to(Path(folder).resolve()) for folder in allowed):
        raise ValueError(name)
    return path


def is_interrupted() -> bool:
    """Whether the user pressed Cancel; the flag stays until the next prompt."""
    return bool(comfy.model_management.processing_interrupted())


def interruption() -> BaseException:
    """What a node raises so that the host shows it as cancelled, not as failed."""
    return comfy.model_management.InterruptProcessingException()


def current_node_id() -> str:
    """The id of the node that runs in this context; "" outside of one."""
    context = get_executing_context()
    return str(context.node_id) if context is not None else ""


def show_text(text: str, node_id: str) -> None:
    """Put live text under a node, in both renderers."""
    server = getattr(PromptServer, "instance", None)
    if server is not None and node_id:
        server.send_progress_text(text, node_id)


def send_event(name: str, data: dict[str, Any]) -> None:
    """Send an event to every open page; may be called from any thread."""
    server = getattr(PromptServer, "instance", None)
    if server is not None:
        server.send_sync(name, data)


def tell_page(name: str, data: dict[str, Any]) -> None:
    """Send an event to the page whose prompt runs; to none where a program queued it."""
    server = getattr(PromptServer, "instance", None)
    page = getattr(server, "client_id", None)
    if server is not None and page:
        server.send_sync(name, data, page)


def routes() -> Any:
    """The route table of the running server."""
    return PromptServer.instance.routes


def port() -> int:
    """The port on which this ComfyUI listens."""
    return int(getattr(getattr(PromptServer, "instance", None), "port", 0) or 8188)


class ProgressBar:
    """The bar on a node, for work of known length."""

    def __init__(self, node_id: str) -> None:
        self._bar: Any = comfy.utils.ProgressBar(1, node_id=node_id or None)

    def show(self, done: int, total: int) -> None:
        """Show `done` of `total`."""
        self._bar.update_absolute(min(done, total), total)


def read_video(video: Any) -> Clip:
    """What a VIDEO holds, without decoding a file.

    A file is given with its pending trim; a generated one gives its own tensors, uncopied. Only
    a subclass that is neither is written out, by its own `save_to`.
    """
    if isinstance(video, InputImpl.VideoFromComponents):
        parts = video.get_components()
        return FramesClip(parts.images, parts.frame_rate, to_sound(parts.audio))
    if isinstance(video, InputImpl.VideoFromFile):
        source = video.get_stream_source()
        start_s, duration_s = video.get_active_trim_window()
        return FileClip(Path(source) if isinstance(source, str) else source, start_s, duration_s)
    path = folders().temp / f"apixo_{uuid.uuid4().hex}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    video.save_to(str(path))
    return FileClip(path)


def video_from_file(path: Path) -> Any:
    """A VIDEO over a file, undecoded."""
    return InputImpl.VideoFromFile(str(path))


def result_ui(path: Path, text: str) -> dict[str, Any]:
    """The ui of a node that made a video: the host's own player, and a line of text.

    The keys are the same for every element of a list; the host needs that. A result that the
    player cannot find is delivered without it.
    """
    place = below(folders().output, path)
    saved: list[ui.SavedResult] = []
    if place is not None:
        subfolder = "" if place.parent == Path() else place.parent.as_posix()
        saved = [ui.SavedResult(place.name, subfolder, io.FolderType.output)]
    return {**ui.PreviewVideo(saved).as_dict(), "text": (text,)}
