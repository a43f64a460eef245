"""A workflow in the making: nodes with their sockets and widgets as the page stores them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).resolve().parent.parent / "example_workflows"
FOX, WALK, DANCE = "wan_animate_fox.png", "wan_animate_walk.mp4", "wan_animate_dance.mp4"

REQUEST: tuple[tuple[str, Any], ...] = (
    ("frame_rate", 0.0), ("type", "replace"), ("resolution", "480p"), ("prompt", ""),
    ("seed", 0), ("control_after_generate", "fixed"), ("provider", "key default"),
    ("host", "auto"), ("sound", "keep"),
)  # fmt: skip
FRAMES: tuple[tuple[str, Any], ...] = (
    ("decode_frames", True), ("first_frame", 0), ("frame_count", 0), ("every_nth", 1),
    ("longest_side", 0),
)  # fmt: skip
URLS: tuple[tuple[str, Any], ...] = (("character_url", ""), ("motion_url", ""))
MEDIA = (
    ("character", "IMAGE"), ("character_mask", "MASK"), ("motion", "VIDEO"),
    ("motion_frames", "IMAGE"), ("audio", "AUDIO"),
)  # fmt: skip
RESULT = (
    ("frames", "IMAGE"), ("video", "VIDEO"), ("audio", "AUDIO"), ("frame_rate", "FLOAT"),
    ("task_id", "STRING"), ("result_url", "STRING"),
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What a node has: sockets, and widgets in the order in which their values are stored."""

    inputs: tuple[tuple[str, str], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    widgets: tuple[tuple[str, Any], ...] = ()
    size: tuple[int, int] = (320, 120)
    named: bool = False


KINDS = {
    "ApixoWanAnimate": Kind(MEDIA, RESULT, REQUEST + FRAMES + URLS, (420, 900)),
    "ApixoWanSubmit": Kind(
        MEDIA, (("task", "APIXO_WAN_TASK"), ("task_id", "STRING")), REQUEST + URLS, (420, 520)
    ),
    "ApixoWanCollect": Kind(
        (("task", "APIXO_WAN_TASK"),), RESULT, (("task_id", ""), *FRAMES), (420, 620)
    ),
    "ApixoUploadImage": Kind(
        (("image", "IMAGE"), ("mask", "MASK")), (("url", "STRING"),), (("host", "auto"),)
    ),
    "ApixoUploadVideo": Kind(
        (("video", "VIDEO"), ("frames", "IMAGE"), ("audio", "AUDIO")),
        (("url", "STRING"),),
        (("frame_rate", 0.0), ("host", "auto"), ("sound", "keep")),
        (320, 180),
    ),
    "LoadImage": Kind(
        (),
        (("IMAGE", "IMAGE"), ("MASK", "MASK")),
        (("image", FOX), ("upload", "image")),
        (320, 420),
    ),
    "LoadVideo": Kind((), (("VIDEO", "VIDEO"),), (("file", WALK), ("upload", "image")), (320, 340)),
    "GetVideoComponents": Kind(
        (("video", "VIDEO"),), (("images", "IMAGE"), ("audio", "AUDIO"), ("fps", "FLOAT"))
    ),
    "ImageStitch": Kind(
        (("image1", "IMAGE"), ("image2", "IMAGE")),
        (("IMAGE", "IMAGE"),),
        (("direction", "right"), ("match_image_size", True), ("spacing_width", 0),
         ("spacing_color", "white")),
        (320, 180),
    ),
    "CreateVideo": Kind(
        (("images", "IMAGE"), ("audio", "AUDIO")), (("VIDEO", "VIDEO"),), (("fps", 30.0),)
    ),
    "SaveVideo": Kind(
        (("video", "VIDEO"),), (),
        (("filename_prefix", "wan_animate/side_by_side"), ("format", "auto"), ("codec", "auto")),
        (420, 420),
    ),
    "CreateList": Kind(
        tuple((f"inputs.input{n}", "IMAGE") for n in range(4)), (("list", "IMAGE"),), (), (220, 140)
    ),
    "PreviewAny": Kind((("source", "*"),), (), (), (420, 160)),
    "VHS_LoadVideo": Kind(
        (), (("IMAGE", "IMAGE"), ("frame_count", "INT"), ("audio", "AUDIO"),
             ("video_info", "VHS_VIDEOINFO")),
        (("video", WALK), ("force_rate", 0), ("custom_width", 0), ("custom_height", 0),
         ("frame_load_cap", 0), ("skip_first_frames", 0), ("select_every_nth", 1)),
        (320, 480), named=True,
    ),
    "VHS_VideoInfoLoaded": Kind(
        (("video_info", "VHS_VIDEOINFO"),),
        (("fps🟦", "FLOAT"), ("frame_count🟦", "INT"), ("duration🟦", "FLOAT"),
         ("width🟦", "INT"), ("height🟦", "INT")),
    ),
    "VHS_VideoCombine": Kind(
        (("images", "IMAGE"), ("audio", "AUDIO")), (("Filenames", "VHS_FILENAMES"),),
        (("frame_rate", 30), ("loop_count", 0), ("filename_prefix", "wan_animate/combined"),
         ("format", "video/h264-mp4"), ("pix_fmt", "yuv420p"), ("crf", 19),
         ("save_metadata", False), ("trim_to_audio", False), ("pingpong", False),
         ("save_output", True)),
        (420, 560), named=True,
    ),
    "MarkdownNote": Kind((), (), (("", ""),), (420, 420)),
}  # fmt: skip


@dataclass
class Graph:
    """A workflow in the making."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    links: list[list[Any]] = field(default_factory=list)

    def add(
        self, kind: str, at: tuple[int, int], *, title: str = "", mode: int = 0, **widgets: Any
    ) -> int:
        """Put a node into the graph; gives its number."""
        what = KINDS[kind]
        values = {name: widgets.get(name, value) for name, value in what.widgets}
        node: dict[str, Any] = {
            "id": len(self.nodes) + 1, "type": kind, "pos": list(at), "size": list(what.size),
            "flags": {}, "order": len(self.nodes), "mode": mode,
            "inputs": [{"name": n, "type": t, "link": None} for n, t in what.inputs],
            "outputs": [{"name": n, "type": t, "links": []} for n, t in what.outputs],
            "properties": {} if kind == "MarkdownNote" else {"Node name for S&R": kind},
            "widgets_values": values if what.named else list(values.values()),
        }  # fmt: skip
        if title:
            node["title"] = title
        self.nodes.append(node)
        return len(self.nodes)

    def wire(self, source: tuple[int, str], target: tuple[int, str]) -> None:
        """Draw a link; a widget of the target becomes a socket where that is its name."""
        start, end = self.nodes[source[0] - 1], self.nodes[target[0] - 1]
        outputs = [output["name"] for output in start["outputs"]]
        slot = outputs.index(source[1])
        inputs = [socket["name"] for socket in end["inputs"]]
        kind = start["outputs"][slot]["type"]
        if target[1] not in inputs:
            widget = {"name": target[1]}
            end["inputs"].append({"name": target[1], "type": kind, "link": None, "widget": widget})
            inputs.append(target[1])
        number = len(self.links) + 1
        into = inputs.index(target[1])
        self.links.append([number, source[0], slot, target[0], into, kind])
        start["outputs"][slot]["links"].append(number)
        end["inputs"][into]["link"] = number

    def note(self, text: str, *, height: int = 420) -> None:
        """Explain the workflow, left of everything."""
        self.add("MarkdownNote", (-460, 0), title="Read me")
        self.nodes[-1]["widgets_values"] = [text.strip()]
        self.nodes[-1]["size"][1] = height

    def write(self, name: str) -> None:
        """Write it as a template of this name."""
        content = {
            "last_node_id": len(self.nodes), "last_link_id": len(self.links), "nodes": self.nodes,
            "links": self.links, "groups": [], "config": {}, "extra": {}, "version": 0.4,
        }  # fmt: skip
        TEMPLATES.mkdir(exist_ok=True)
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (TEMPLATES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
