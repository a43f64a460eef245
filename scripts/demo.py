"""From two files to frames, the whole way, with sizes and times: `make demo`.

Environment:
    CHARACTER, MOTION: Your own files; drawn samples without them. With LIVE=1 also URLs.
    TYPE: replace (default) or animate.
    RESOLUTION: 480p (default) or 720p.
    LIVE: 1 runs against APIXO with APIXO_API_KEY, and costs money; else the practice service.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import draw_samples
import pack

pack.load()

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from apixo_wan_animate.utils.apixo.request import WanOptions  # noqa: E402
from apixo_wan_animate.utils.clock import SystemClock  # noqa: E402
from apixo_wan_animate.utils.errors import WanAnimateError  # noqa: E402
from apixo_wan_animate.utils.media.decode import Decoded, decode  # noqa: E402
from apixo_wan_animate.utils.media.probe import ClipInfo, probe  # noqa: E402
from apixo_wan_animate.utils.media.types import FileClip  # noqa: E402
from apixo_wan_animate.utils.settings import Folders, SettingsStore  # noqa: E402
from apixo_wan_animate.utils.tasks.request import (  # noqa: E402
    PictureCharacter,
    Request,
    UrlCharacter,
    UrlMotion,
)
from apixo_wan_animate.utils.tasks.service import TaskService  # noqa: E402
from apixo_wan_animate.utils.tasks.watch import Outcome, Watch  # noqa: E402
from apixo_wan_animate.utils.transport import Transport  # noqa: E402

OUT = pack.ROOT / "demo-output"
SHEET_COLUMNS = 4
SHEET_ROWS = 2
TILE_WIDTH = 320


@dataclass(frozen=True)
class Inputs:
    """What the demo was told to do."""

    character: str
    motion: str
    kind: str
    resolution: str
    live: bool


def say(text: str) -> None:
    """One line on the screen."""
    print(text, flush=True)


def read_inputs() -> Inputs:
    """The user's words from the environment, drawn samples where there are none."""
    samples = draw_samples.draw(OUT / "inputs")
    return Inputs(
        character=os.environ.get("CHARACTER") or str(samples.character),
        motion=os.environ.get("MOTION") or str(samples.motion),
        kind=os.environ.get("TYPE") or "replace",
        resolution=os.environ.get("RESOLUTION") or "480p",
        live=os.environ.get("LIVE") == "1",
    )


def is_url(name: str) -> bool:
    """Whether a name is an address rather than a file."""
    return name.startswith(("http://", "https://"))


def read_picture(path: Path) -> PictureCharacter:
    """A picture file as the graph's Load Image would give it."""
    read = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if read is None:
        sys.exit(f"{path} is no picture. Give a PNG, JPEG or WebP file as CHARACTER.")
    if read.dtype != np.uint8:
        read = (read / 257).round().astype(np.uint8)
    if read.ndim == 2:
        read = cv2.cvtColor(read, cv2.COLOR_GRAY2BGR)
    alpha = read[..., 3] if read.shape[2] == 4 else None
    rgb = cv2.cvtColor(np.ascontiguousarray(read[..., :3]), cv2.COLOR_BGR2RGB)
    image = torch.from_numpy(rgb).float() / 255
    mask = None if alpha is None else 1 - torch.from_numpy(alpha.copy()).float() / 255
    return PictureCharacter(image, mask)


def build_request(inputs: Inputs) -> Request:
    """The request that a node would make of these files."""
    for name in (inputs.character, inputs.motion):
        if not is_url(name) and not Path(name).is_file():
            sys.exit(f"There is no file {name}. Correct CHARACTER or MOTION.")
    return Request(
        character=UrlCharacter(inputs.character)
        if is_url(inputs.character)
        else read_picture(Path(inputs.character)),
        motion=UrlMotion(inputs.motion) if is_url(inputs.motion) else FileClip(Path(inputs.motion)),
        options=WanOptions(
            type=inputs.kind,  # type: ignore[arg-type] - checked by the request
            resolution=inputs.resolution,  # type: ignore[arg-type]
            prompt="",
            seed=0,
            provider="key default",
        ),
    )


def follow(watch: Watch) -> Outcome:
    """Print each phase as it passes, with its time and its size."""
    phase, began, size = "", time.monotonic(), ""
    while True:
        ended = watch.wait(0.02)
        progress = watch.progress
        if progress.phase != phase or ended:
            if phase and phase != "done":
                say(f"  {phase:<12} {time.monotonic() - began:6.2f} s  {size}")
            phase, began, size = progress.phase, time.monotonic(), ""
        if progress.total:
            size = f"{progress.total:,} {progress.unit}"
        if ended:
            return watch.outcome()


def contact_sheet(decoded: Decoded, target: Path) -> None:
    """Frames from the whole length of the clip on one sheet."""
    frames, count = decoded.frames, decoded.frames.shape[0]
    height, width = frames.shape[1:3]
    tile = (TILE_WIDTH, max(1, round(height * TILE_WIDTH / width)))
    picks = np.linspace(0, count - 1, SHEET_COLUMNS * SHEET_ROWS).round().astype(int)
    tiles = [
        cv2.resize((frames[int(i)].numpy() * 255).round().astype(np.uint8), tile) for i in picks
    ]
    rows = [np.hstack(tiles[r * SHEET_COLUMNS :][:SHEET_COLUMNS]) for r in range(SHEET_ROWS)]
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imencode(".png", sheet)[1].tofile(target)


def write_report(
    outcome: Outcome, decoded: Decoded, *, motion: ClipInfo | None, submits: int
) -> dict[str, Any]:
    """Write what was done, in figures, and give it."""
    report = {
        "frames_in": motion.frame_count if motion else None,
        "frames_out": int(decoded.frames.shape[0]),
        "width": int(decoded.frames.shape[2]),
        "height": int(decoded.frames.shape[1]),
        "frame_rate": float(decoded.frame_rate),
        "frame_rate_in": float(motion.frame_rate) if motion else None,
        "has_audio": decoded.sound is not None,
        "submits": submits,
        "task_id": outcome.row.task_id,
        "practice": outcome.row.practice,
        "billable_seconds": outcome.row.billable_s,
        "file": outcome.file.name,
    }
    (OUT / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


def run(inputs: Inputs) -> int:
    """The whole way, once."""
    practice = {} if inputs.live else {"APIXO_WAN_PRACTICE": "1"}
    folders = Folders(OUT / "state", OUT / "output", OUT / "temp")
    if not inputs.live:  # each demo is a fresh start; a live one keeps what was paid for
        shutil.rmtree(folders.state, ignore_errors=True)
    clock = SystemClock()
    store = SettingsStore(folders.state, {**os.environ, **practice})
    service = TaskService(folders, store, transport=Transport(clock), clock=clock)
    motion = None if is_url(inputs.motion) else probe(Path(inputs.motion), exact=True)
    if motion:
        say(
            f"motion       {Path(inputs.motion).name}: {motion.frame_count} frames, "
            f"{motion.size}, {float(motion.frame_rate):g} fps, "
            f"sound {'yes' if motion.has_sound else 'no'}"
        )
    try:
        began = time.monotonic()
        outcome = follow(service.start(build_request(inputs)))
        decoding = time.monotonic()
        decoded = decode(outcome.file)
        say(
            f"  decoding     {time.monotonic() - decoding:6.2f} s  "
            f"{decoded.frames.nbytes:,} bytes of frames"
        )
        shutil.copyfile(outcome.file, OUT / "result.mp4")
        contact_sheet(decoded, OUT / "contact-sheet.png")
        report = write_report(outcome, decoded, motion=motion, submits=service.submits)
    finally:
        service.stop()
    say(f"done in {time.monotonic() - began:.2f} s: {json.dumps(report)}")
    say(f"look at {OUT.name}/result.mp4 and {OUT.name}/contact-sheet.png")
    return 0


def main() -> int:
    """Run the demo, and say in two sentences what went wrong."""
    OUT.mkdir(exist_ok=True)
    inputs = read_inputs()
    say("Against APIXO, for money." if inputs.live else "With the practice service: costs nothing.")
    say(f"character    {Path(inputs.character).name}")
    try:
        return run(inputs)
    except WanAnimateError as error:
        say(f"{type(error).__name__}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
