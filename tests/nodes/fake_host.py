"""Stands in the place of `nodes/_host.py` where there is no ComfyUI.

It records what nodes show and lets a test press Cancel. That the real host takes what the nodes
give it is shown in `tests/comfyui`, not here.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from apixo_wan_animate.utils.media.types import FileClip, FramesClip
from apixo_wan_animate.utils.settings import Folders


class _Kind:
    """One type of socket or widget; keeps what the schema said."""

    class Input(SimpleNamespace):
        def __init__(self, id: str, **options: Any) -> None:
            super().__init__(id=id, **options)

    class Output(SimpleNamespace):
        def __init__(self, id: str | None = None, **options: Any) -> None:
            super().__init__(id=id, **options)


class _ComfyNode:
    pass


class _NodeOutput:
    def __init__(self, *args: Any, ui: Any = None, block_execution: str | None = None) -> None:
        self.args = args
        self.ui = ui
        self.block_execution = block_execution


class _Fixed(Enum):
    fixed = "fixed"


io = SimpleNamespace(
    **{name: type(name, (_Kind,), {}) for name in
       ("Image", "Mask", "Video", "Audio", "Int", "Float", "String", "Boolean", "Combo")},
    Custom=lambda name: type(name, (_Kind,), {}),
    ComfyNode=_ComfyNode,
    NodeOutput=_NodeOutput,
    Schema=SimpleNamespace,
    ControlAfterGenerate=_Fixed,
)  # fmt: skip


class ComfyExtension:
    pass


class ExecutionBlocker:
    def __init__(self, message: str | None) -> None:
        self.message = message


class Interrupted(BaseException):
    """As the host's own: no `Exception`."""


class FakeVideo:
    """A VIDEO over a file or over tensors."""

    def __init__(self, clip: FileClip | FramesClip) -> None:
        self.clip = clip


state = SimpleNamespace(folder=Path(), interrupted=False, texts=[], events=[], told=[], bars=[])


def reset(folder: Path) -> None:
    """A fresh host whose folders lie below `folder`."""
    state.folder = folder
    state.interrupted = False
    state.texts, state.events, state.told, state.bars = [], [], [], []
    for path in (folder / "output", folder / "temp", folder / "input"):
        path.mkdir(parents=True, exist_ok=True)


def folders() -> Folders:
    return Folders(state.folder / "state", state.folder / "output", state.folder / "temp")


def input_file(name: str) -> Path:
    path = (state.folder / "input" / name).resolve()
    if not path.is_relative_to((state.folder / "input").resolve()):
        raise ValueError(name)
    return path


def is_interrupted() -> bool:
    return state.interrupted


def interruption() -> BaseException:
    return Interrupted()


def current_node_id() -> str:
    return "12:7"


def show_text(text: str, node_id: str) -> None:
    state.texts.append((node_id, text))


def send_event(name: str, data: dict[str, Any]) -> None:
    state.events.append((name, data))


def tell_page(name: str, data: dict[str, Any]) -> None:
    state.told.append((name, data))


def routes() -> Any:
    raise AssertionError("no server here")


def port() -> int:
    return 8188


class ProgressBar:
    def __init__(self, node_id: str) -> None:
        self.node_id = node_id

    def show(self, done: int, total: int) -> None:
        state.bars.append((done, total))


def read_video(video: FakeVideo) -> FileClip | FramesClip:
    return video.clip


def video_from_file(path: Path) -> FakeVideo:
    return FakeVideo(FileClip(path))


def result_ui(path: Path, text: str) -> dict[str, Any]:
    return {"images": [{"filename": path.name}], "animated": (True,), "text": (text,)}
