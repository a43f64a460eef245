"""Colours of decoded frames beside a reference in floating point, in levels of 255.

`COLOUR_PYTHONS` may name further Pythons, with other versions of PyAV and OpenCV, divided as
`PATH` is: each measures the same and adds its rows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import clips
import cv2
import meter
import numpy as np
import torch

meter.find_pack()
TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS / "support"), str(TESTS / "media")]

import test_colour as reference  # noqa: E402
import test_encode_colour as generations  # noqa: E402
from apixo_wan_animate.utils.media.decode import decode  # noqa: E402
from apixo_wan_animate.utils.media.encode import encode_clip  # noqa: E402
from apixo_wan_animate.utils.media.types import FramesClip  # noqa: E402


def errors(kind: str) -> np.ndarray:
    """Largest and mean error over every matrix, range and format."""
    found = []
    for matrix in reference.MATRICES:
        for range_ in reference.RANGES:
            for pixel_format, (bits, across, down) in reference.FORMATS.items():
                art = reference.patches(3) if kind == "patches" else reference.ramps()
                full = reference.coded(art, matrix=matrix, range_=range_, bits=bits)
                thin = [reference.subsampled(plane, across, down) for plane in full[1:]]
                if kind == "patches":
                    thin = [plane[::down, ::across] for plane in full[1:]]
                stored = [full[0], *(np.rint(plane) for plane in thin)]
                wide = [reference.at_full_size(plane, across, down) for plane in stored[1:]]
                colour = {"matrix": matrix, "range_": range_}
                want = reference.reference([full[0], *wide], bits=bits, **colour)
                with tempfile.TemporaryDirectory() as place:
                    got = reference.decoded_levels(
                        Path(place), stored, pixel_format=pixel_format, **colour
                    )
                off = np.abs(got - want)[:, 2:-2, 2:-2]
                found.append((off.max(), off.mean()))
    return np.max(found, 0)


def luma_bias() -> float:
    """Mean luma of a decoded textured clip, less what its planes hold."""
    with tempfile.TemporaryDirectory() as place:
        clip = clips.write_clip(Path(place) / "a.mp4", width=832, height=480, seconds=0.5)
        frames = decode(clip).frames.numpy()
        with av.open(str(clip)) as container:
            planes = [frame.to_ndarray()[:480].astype(float) for frame in container.decode(video=0)]
    wanted = 255 * np.mean([np.clip((plane - 16) / 219, 0, 1).mean() for plane in planes])
    return float(255 * (frames @ np.float32([0.2126, 0.7152, 0.0722])).mean(dtype=np.float64)
                 - wanted)  # fmt: skip


def drift() -> float:
    """Largest mean change of a channel after five times to a file at crf 1 and back."""
    first = torch.from_numpy(generations.texture(4))
    frames = first
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "a.mp4"
        for _ in range(5):
            encode_clip(FramesClip(frames, Fraction(25)), file, options=generations.BEST)
            frames = decode(file).frames
    return float(255 * (frames - first).double().mean((0, 1, 2)).abs().max())


def own_rows() -> Iterator[meter.Row]:
    versions = f"PyAV {av.__version__}, OpenCV {cv2.__version__}"
    for kind in ("patches", "ramps"):
        largest, mean = errors(kind)
        yield {"name": f"colour of {kind}, {versions}", "largest": round(float(largest), 4),
               "mean": round(float(mean), 4), "wanted": "at most 2 and 0.5",
               "kept": bool(largest <= 2 and mean <= 0.5)}  # fmt: skip
    bias = luma_bias()
    yield {"name": f"luma bias on texture, {versions}", "levels": round(bias, 4),
           "wanted": "at most 0.1", "kept": abs(bias) <= 0.1}  # fmt: skip
    drifted = drift()
    yield {"name": f"drift in five generations, {versions}", "levels": round(drifted, 4),
           "wanted": "at most 0.5", "kept": drifted <= 0.5}  # fmt: skip


def rows(_folder: Path | None = None, _rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """Ours, and what every further Python finds."""
    yield from own_rows()
    for python in filter(None, os.environ.get("COLOUR_PYTHONS", "").split(os.pathsep)):
        said = subprocess.run(
            [python, __file__, "--json"], stdout=subprocess.PIPE, text=True, check=True
        )
        yield from json.loads(said.stdout)


if __name__ == "__main__":
    if "--json" in sys.argv:
        print(json.dumps(list(own_rows())))
    else:
        meter.show(rows())
