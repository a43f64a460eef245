"""Frames to a file: beside x264 alone, beside ComfyUI's own encoder, and how the cost grows.

Run it with the Python of a ComfyUI and `COMFYUI_PATH` set to have ComfyUI measured as well.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import av
import clips
import meter
import numpy as np
import torch

meter.find_pack()

from apixo_wan_animate.utils.media.clipfile import EncodeOptions  # noqa: E402
from apixo_wan_animate.utils.media.encode import X264, encode_clip  # noqa: E402
from apixo_wan_animate.utils.media.types import (  # noqa: E402
    FileClip,
    FramesClip,
    Size,
    Sound,
)
from apixo_wan_animate.utils.media.yuv import YuvFrames  # noqa: E402

SETTING = {**X264, "crf": "19"}
CASES = ((832, 480, 5), (1280, 720, 5), (832, 480, 20), (1280, 720, 20))
RATE = clips.FRAME_RATE
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
AT_MOST = {"x264 alone": 1.3}
AT_LEAST = {"ComfyUI, same setting": 1.9, "ComfyUI, default": 2.8}
EXTRA_BYTES = 150_000_000
QUALITY_DB = 1.5
READY_S = 0.05


def frames_of(width: int, height: int, seconds: float) -> torch.Tensor:
    """A textured clip as the graph holds it, filled in place."""
    count = round(seconds * RATE)
    frames = np.empty((count, height, width, 3), np.float32)
    for slot, rgb in zip(frames, clips.pictures(width, height, count), strict=True):
        np.multiply(rgb, np.float32(1 / 255), out=slot)
    return torch.from_numpy(frames)


def sound_of(seconds: float) -> Sound:
    return Sound(torch.from_numpy(clips.tone(seconds)), clips.SAMPLE_RATE_HZ)


def ready_frames(frames: torch.Tensor) -> list[av.VideoFrame]:
    """The same pictures as x264 takes them, made before the clock starts."""
    count, height, width, _ = frames.shape
    yuv = YuvFrames(Size(width, height))
    return [yuv.of_floats(frames[index].numpy())[0] for index in range(count)]


def bare_x264(ready: list[av.VideoFrame], target: Path) -> None:
    """x264 and a container: no conversion, no sound."""
    with av.open(str(target), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=RATE, options=SETTING)
        stream.width, stream.height = ready[0].width, ready[0].height
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 60
        stream.codec_context.thread_type = "FRAME"
        for index, frame in enumerate(ready):
            frame.pts, frame.time_base = index, 1 / RATE
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def comfyui():
    """ComfyUI's class for frames and sound, and its module; None without a ComfyUI."""
    path = os.environ.get("COMFYUI_PATH")
    if not path:
        return None
    if path not in sys.path:
        sys.path.insert(0, path)
    return importlib.import_module("comfy_api.latest._input_impl.video_types")


def core_save(module, frames: torch.Tensor, sound: Sound, target: Path, *, same: bool) -> None:
    """ComfyUI's encoder, at our setting or at its own default."""
    usual = module.video_encoder_options
    audio = {"waveform": sound.waveform[None], "sample_rate": sound.sample_rate_hz}
    components = module.VideoComponents(images=frames, audio=audio, frame_rate=RATE)
    if same:
        module.video_encoder_options = lambda codec, crf: dict(SETTING)
    try:
        module.VideoFromComponents(components).save_to(str(target))
    finally:
        module.video_encoder_options = usual


def contenders_of(
    width: int, height: int, seconds: float, *, folder: Path
) -> dict[str, Callable[[], object]]:
    """Ours, x264 alone, and ComfyUI's where there is one, on the same frames and sound."""
    core = comfyui()
    frames, sound = frames_of(width, height, seconds), sound_of(seconds)
    clip, ready = FramesClip(frames, RATE, sound), ready_frames(frames)
    options = EncodeOptions(limit_bytes=1 << 40)
    contenders: dict[str, Callable[[], object]] = {
        "ours": partial(encode_clip, clip, folder / "sent.mp4", options=options),
        "x264 alone": partial(bare_x264, ready, folder / "bare.mp4"),
    }
    if core is not None:
        save = partial(core_save, core, frames, sound, folder / "core.mp4")
        contenders["ComfyUI, same setting"] = partial(save, same=True)
        contenders["ComfyUI, default"] = partial(save, same=False)
    return contenders


def peak_alone(make: Callable[..., Callable[[], object]], *case: object) -> int:
    """Extra memory of what `make` makes, in a process where nothing is left to be used again.

    Args:
        make: Called with `case` and a folder.
        case: Its other arguments.
    """
    return meter.in_child(_peak_here, make, *case)


def _peak_here(make: Callable[..., Callable[[], object]], *case: object) -> int:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for small in contenders_of(320, 320, 1, folder=folder).values():
            small()  # what the first use loads is no part of it
        return meter.peak_of(make(*case, folder=folder))


def contender_of(
    name: str, width: int, height: int, seconds: float, *, folder: Path
) -> Callable[[], object]:
    return contenders_of(width, height, seconds, folder=folder)[name]


def speed_rows(folder: Path, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """Must show 3: beside x264 alone, ComfyUI at the same setting, ComfyUI's default."""
    for width, height, seconds in meter.wanted(CASES):
        case = (width, height, seconds)
        names = contenders_of(320, 320, 1, folder=folder)
        peaks = {name: peak_alone(contender_of, name, *case) for name in names}
        contenders = contenders_of(width, height, seconds, folder=folder)
        times = meter.in_turns(contenders, rounds)
        for other in list(contenders)[1:]:
            ratio, most, least = (
                times[other] / times["ours"],
                AT_MOST.get(other),
                AT_LEAST.get(other),
            )
            yield meter.row(
                f"encode {width}×{height} {seconds} s, beside {other}",
                ours_s=times["ours"],
                other_s=times[other],
                ours_peak=peaks["ours"],
                other_peak=peaks[other],
                ours_to_other=round(1 / ratio, 3),
                wanted=f"at most {most}" if most else f"at least {least}",
                kept=(1 / ratio <= most if most else ratio >= least)
                and peaks["ours"] < EXTRA_BYTES,
            )


def quality_rows(folder: Path) -> Iterator[meter.Row]:
    """Must show 3: signal to noise of luma beside ComfyUI's, at the size of its file."""
    core = comfyui()
    if core is None:
        return
    frames, sound = frames_of(832, 480, 5), sound_of(5)
    for same in (True, False):
        other, ours = folder / "core.mp4", folder / "sent.mp4"
        core_save(core, frames, sound, other, same=same)
        points = []
        for crf in range(14, 30, 2):
            options = EncodeOptions(crf=crf, keep_sound=False)
            encode_clip(FramesClip(frames, RATE), ours, options=options)
            points.append((np.log(picture_bytes(ours)), luma_db(ours, frames)))
        sizes, decibels = zip(*sorted(points), strict=True)
        ours_db = float(np.interp(np.log(picture_bytes(other)), sizes, decibels))
        setting = "same setting" if same else "default"
        yield {
            "name": f"quality at the size of ComfyUI's file, {setting}",
            "ours_db": round(ours_db, 2),
            "other_db": round(luma_db(other, frames), 2),
            "bytes": other.stat().st_size,
            "wanted": f"within {QUALITY_DB} dB",
            "kept": bool(ours_db >= luma_db(other, frames) - QUALITY_DB),
        }


def picture_bytes(file: Path) -> int:
    with av.open(str(file)) as container:
        return sum(packet.size for packet in container.demux(video=0))


def luma_db(file: Path, frames: torch.Tensor) -> float:
    """Signal to noise of luma, 0…255, against what was given."""
    errors = []
    with av.open(str(file)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            plane = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
            seen = (rows.astype(np.float32) - 16) * (255 / 219)
            errors.append(np.mean((seen - 255 * (frames[index].numpy() @ LUMA)) ** 2))
    return float(10 * np.log10(255**2 / np.mean(errors)))


def copy_rows(folder: Path, rounds: int = 2 * meter.ROUNDS) -> Iterator[meter.Row]:
    """Must show 3: a file that needs no encoding, beside ComfyUI's copy with its tags."""
    core = comfyui()
    for width, height, seconds in meter.wanted(CASES):
        source = clips.write_clip(
            folder / "source.mp4", width=width, height=height, seconds=seconds
        )
        names = iter(range(10**6))

        def ours() -> None:
            done = encode_clip(FileClip(source), folder / f"sent{next(names)}.mp4")  # noqa: B023
            assert done.remuxed

        def theirs() -> None:
            target = str(folder / f"core{next(names)}.mp4")  # noqa: B023
            core.VideoFromFile(str(source)).save_to(target)  # noqa: B023

        contenders = {"ours": ours} | ({"theirs": theirs} if core is not None else {})
        times = meter.in_turns(contenders, rounds)
        yield meter.row(
            f"file ready {width}×{height} {seconds} s, beside ComfyUI's save_to",
            ours_s=times["ours"],
            other_s=times.get("theirs", float("nan")),
            ours_peak=meter.peak_of(ours),
            source_bytes=source.stat().st_size,
            wanted=f"within {READY_S} s",
            kept=times["ours"] <= READY_S,
        )


def panning(width: int, height: int, count: int) -> torch.Tensor:
    """Frames that look down a tall wall, one row lower each: any length in little memory."""
    random = np.random.default_rng(3)
    wall = random.random((height // 2 + count // 2 + 1, width // 2, 3), np.float32)
    tall = torch.from_numpy(wall.repeat(2, 0).repeat(2, 1))
    step = width * 3
    return tall.as_strided((count, height, width, 3), (step, step, 3, 1))


def long_one(seconds: int, *, folder: Path) -> Callable[[], object]:
    """Encoding of a clip that takes little memory itself."""
    clip = FramesClip(panning(832, 480, seconds * 30), RATE, sound_of(seconds))
    options = EncodeOptions(limit_bytes=1 << 40, crf=30)
    return partial(encode_clip, clip, folder / "sent.mp4", options=options)


def growth_rows(folder: Path) -> Iterator[meter.Row]:
    """Must show 7 and the memory of 3: 5 s, 20 s, 60 s and 120 s of 832×480."""
    first: float | None = None
    for _, _, seconds in meter.wanted((832, 480, seconds) for seconds in (5, 20, 60, 120)):
        peak, work = peak_alone(long_one, seconds), long_one(seconds, folder=folder)
        taken = min(meter.seconds_of(work) for _ in range(3 if seconds < 60 else 1))
        first = first or taken / seconds
        yield {
            "name": f"encode grows, {seconds} s of 832×480",
            "ours_s": round(taken, 3),
            "per_second_beside_5_s": round(taken / seconds / first, 3),
            "ours_peak": peak,
            "wanted": f"under {EXTRA_BYTES / 1e6:.0f} MB",
            "kept": peak < EXTRA_BYTES,
        }


def rows(folder: Path, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """All of the above."""
    yield from copy_rows(folder, 2 * rounds)
    yield from quality_rows(folder)
    yield from growth_rows(folder)
    yield from speed_rows(folder, rounds)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        wanted = {name: work for name, work in globals().items() if name.endswith("_rows")}
        for name in sys.argv[1:] or wanted:
            meter.show(wanted[name](Path(place)))
