"""What decoding is measured against: the usual ways, in words of our own, and the real things.

The real ComfyUI and VideoHelperSuite run in this process when `COMFYUI_PATH` (and `VHS_PATH`)
name them and the Python is ComfyUI's.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from unittest.mock import MagicMock

import av
import cv2
import meter
import numpy as np
import torch

meter.find_pack()

from apixo_wan_animate.utils.media.framememory import FrameMemory  # noqa: E402

Work = Callable[[Path], object]


def bare_decoder(clip: Path) -> int:
    """Decode every picture with the same threads; no conversion, no sound."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return sum(1 for _ in container.decode(stream))


def floor(clip: Path) -> np.ndarray:
    """What no program can leave out: pictures decoded, and memory for the result, side by side."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        shape = (stream.frames, stream.height, stream.width, 3)
    memory = FrameMemory.floats(shape)

    def map_all() -> None:
        for place in range(shape[0]):
            memory.rows(place)
            time.sleep(0)  # lets the decoder's thread have the interpreter

    mapping = Thread(target=map_all)
    mapping.start()
    bare_decoder(clip)
    mapping.join()
    return memory.array


def _all_sound(clip: Path) -> np.ndarray | None:
    with av.open(str(clip)) as container:
        if not container.streams.audio:
            return None
        pieces = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(pieces, 1)


def list_and_stack(clip: Path) -> tuple[torch.Tensor, np.ndarray | None]:
    """The usual pack: frames of OpenCV in a list, stacked, cast and divided; sound beside."""
    capture = cv2.VideoCapture(str(clip))
    frames = []
    while True:
        read, frame = capture.read()
        if not read:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    capture.release()
    return torch.from_numpy(np.stack(frames).astype(np.float32) / 255.0), _all_sound(clip)


def float_list(clip: Path) -> tuple[torch.Tensor, np.ndarray | None]:
    """ComfyUI's allocation pattern: one float32 tensor a frame, stacked at the end."""
    with av.open(str(clip)) as container:
        frames = [
            torch.from_numpy(frame.to_ndarray(format="gbrpf32le"))
            for frame in container.decode(video=0)
        ]
    return torch.stack(frames), _all_sound(clip)


def real_comfyui() -> Work | None:
    """`VideoFromFile.get_components` of the checkout at `COMFYUI_PATH`."""
    path = os.environ.get("COMFYUI_PATH")
    if not path:
        return None
    _reach(path)
    module = importlib.import_module("comfy_api.latest._input_impl.video_types")
    return lambda clip: module.VideoFromFile(str(clip)).get_components()


def real_vhs() -> Work | None:
    """VideoHelperSuite's loader (OpenCV), with its lazy sound fetched as any user would."""
    root, path = os.environ.get("COMFYUI_PATH"), os.environ.get("VHS_PATH")
    if not root or not path:
        return None
    _reach(root)
    importlib.import_module("comfy.cli_args").args.cpu = True
    importlib.import_module("server").PromptServer.instance = MagicMock()
    package = types.ModuleType("measured_vhs")
    package.__path__ = [path]
    sys.modules["measured_vhs"] = package
    loader = importlib.import_module("measured_vhs.videohelpersuite.load_video_nodes").load_video
    wanted = dict.fromkeys(
        ("force_rate", "frame_load_cap", "skip_first_frames", "custom_width", "custom_height"), 0
    )

    def work(clip: Path) -> object:
        frames, _, sound, _ = loader(video=str(clip), select_every_nth=1, **wanted)
        return frames, sound["waveform"]

    return work


def _reach(path: str) -> None:
    if path not in sys.path:
        sys.path.insert(0, path)
    # ComfyUI reads the command line as it is imported.
    sys.argv = sys.argv[:1]


def found() -> dict[str, Work]:
    """Every rival at hand, by name."""
    real = {"ComfyUI": real_comfyui(), "VideoHelperSuite": real_vhs()}
    own = {"list and stack": list_and_stack, "ComfyUI's pattern": float_list}
    return {**own, **{name: work for name, work in real.items() if work is not None}}
