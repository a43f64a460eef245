"""Graphs as the page would queue them."""

from __future__ import annotations

from typing import Any

ANIMATE_WIDGETS = {
    "frame_rate": 0.0, "type": "replace", "resolution": "480p", "prompt": "", "seed": 0,
    "provider": "key default", "host": "auto", "sound": "keep", "decode_frames": True,
    "first_frame": 0, "frame_count": 0, "every_nth": 1, "longest_side": 0,
    "character_url": "", "motion_url": "",
}  # fmt: skip


def loaders(character: str, motion: str) -> dict[str, Any]:
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": character}},
        "2": {"class_type": "LoadVideo", "inputs": {"file": motion}},
    }


def animate(**changes: Any) -> dict[str, Any]:
    """A Wan Animate node over the loaders."""
    inputs = {"character": ["1", 0], "motion": ["2", 0], **ANIMATE_WIDGETS, **changes}
    return {"class_type": "ApixoWanAnimate", "inputs": inputs}


def small_clip(**changes: Any) -> dict[str, Any]:
    """A tiny picture and clip of the graph's own making, for tests that need many tasks."""
    inputs = {"character": ["11", 0], "motion_frames": ["12", 0], **ANIMATE_WIDGETS,
              "frame_rate": 8.0, **changes}  # fmt: skip
    return {"class_type": "ApixoWanAnimate", "inputs": inputs}


def small_makers(frames: int = 8) -> dict[str, Any]:
    def picture(size: int, count: int, color: int) -> dict[str, Any]:
        return {
            "class_type": "EmptyImage",
            "inputs": {"width": size, "height": size, "batch_size": count, "color": color},
        }

    return {"11": picture(256, 1, 0xAA5500), "12": picture(208, frames, 0x2266AA)}
