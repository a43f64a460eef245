"""Pictures to PNG, beside Pillow's default.

Pillow's wheels have compressed with zlib-ng since 11.1; at its default that made no difference
in time (9.5 with zlib and 13.0 with zlib-ng, side by side).
`PILLOW_PYTHONS` may name further Pythons, with other versions of Pillow, divided as `PATH` is:
each measures the same and adds its rows.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import clips
import cv2
import meter
import numpy as np
import PIL
import torch
from PIL import Image, features

meter.find_pack()

from apixo_wan_animate.utils.media.picture import encode_picture  # noqa: E402


def flat_art(side: int) -> np.ndarray:
    """A drawn character: flat fills, smooth outlines."""
    picture = np.full((side, side, 3), (236, 232, 220), np.uint8)
    cv2.ellipse(
        picture,
        (side // 2, side * 3 // 5),
        (side // 4, side // 3),
        0,
        0,
        360,
        (64, 90, 160),
        -1,
        cv2.LINE_AA,
    )
    cv2.circle(picture, (side // 2, side // 4), side // 6, (240, 200, 170), -1, cv2.LINE_AA)
    for x in (-1, 1):
        eye = (side // 2 + x * side // 16, side // 4)
        cv2.circle(picture, eye, side // 40, (30, 30, 40), -1, cv2.LINE_AA)
    cv2.ellipse(
        picture,
        (side // 2, side * 5 // 16),
        (side // 16, side // 32),
        0,
        0,
        180,
        (150, 40, 50),
        max(2, side // 200),
        cv2.LINE_AA,
    )
    return picture


def shaded_art(side: int) -> np.ndarray:
    """The same under soft light: gradients, no grain."""
    across = np.linspace(0.75, 1.1, side, dtype=np.float32)
    light = across[None, :, None] * across[:, None, None]
    return np.clip(np.rint(flat_art(side) * light), 0, 255).astype(np.uint8)


def photograph(side: int) -> np.ndarray:
    """Detail at every scale, and grain."""
    return next(iter(clips.pictures(side, side, 1)))


KINDS = {"flat art": flat_art, "shaded art": shaded_art, "photograph": photograph}


def rows(_folder: Path | None = None, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """Beside this Pillow, and beside what every further Python has."""
    yield from own_rows(rounds)
    for python in filter(None, os.environ.get("PILLOW_PYTHONS", "").split(os.pathsep)):
        said = subprocess.run(
            [python, __file__, "--json"], stdout=subprocess.PIPE, text=True, check=True
        )
        yield from json.loads(said.stdout)


def own_rows(rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """Must show 5: 15 times as fast as Pillow's default at no more than 1.05× the bytes."""
    newer = "zlib_ng" in features.features and features.check_feature("zlib_ng")
    packer = "zlib-ng" if newer else "zlib"
    for kind, draw in KINDS.items():
        for side in (768, 1536):
            levels = draw(side)
            image = torch.from_numpy(levels.astype(np.float32) / 255)
            saved = io.BytesIO()

            def theirs() -> None:
                saved.seek(0)  # noqa: B023
                saved.truncate()  # noqa: B023
                array = np.clip(255.0 * image.numpy(), 0, 255).astype(np.uint8)  # noqa: B023
                Image.fromarray(array).save(saved, "PNG")  # noqa: B023

            ours = lambda: encode_picture(image, limit_bytes=1 << 40)  # noqa: B023, E731
            times = meter.in_turns({"ours": ours, "theirs": theirs}, rounds)
            ours_bytes = len(ours().data)
            yield meter.row(
                f"PNG of {kind} {side}×{side}, beside Pillow {PIL.__version__} ({packer})",
                ours_s=times["ours"],
                other_s=times["theirs"],
                ours_peak=meter.peak_of(ours),
                other_peak=meter.peak_of(theirs),
                bytes_ratio=round(ours_bytes / saved.tell(), 3),
                wanted="at least 15, at most 1.05 of the bytes",
                kept=times["theirs"] >= 15 * times["ours"] and ours_bytes <= 1.05 * saved.tell(),
            )


if __name__ == "__main__" and "--json" in sys.argv:
    print(json.dumps(list(own_rows())))
elif __name__ == "__main__":
    meter.show(rows())
