"""What it costs to know a clip again, beside encoding it, beside SHA-256, beside reading."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import clips
import meter

meter.find_pack()

import encode  # noqa: E402
from apixo_wan_animate.utils.media.clipfile import EncodeOptions  # noqa: E402
from apixo_wan_animate.utils.media.digest import clip_digest  # noqa: E402
from apixo_wan_animate.utils.media.encode import encode_clip  # noqa: E402
from apixo_wan_animate.utils.media.types import FileClip, FramesClip  # noqa: E402

PIECE_BYTES = 1 << 20


def frames_rows(folder: Path, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """Must show 4: 20 s of 720p frames, beside encoding them and beside SHA-256."""
    clip = FramesClip(encode.frames_of(1280, 720, 20), clips.FRAME_RATE, encode.sound_of(20))
    options = EncodeOptions(limit_bytes=1 << 40)
    contenders = {
        "ours": lambda: clip_digest(clip, keep_sound=True),
        "encoding": lambda: encode_clip(clip, folder / "sent.mp4", options=options),
        "SHA-256": lambda: hashlib.sha256(clip.frames.numpy().data).hexdigest(),
    }
    times = meter.in_turns(contenders, rounds)
    peak = meter.peak_of(contenders["ours"])
    for other in ("encoding", "SHA-256"):
        yield meter.row(
            f"identity of 20 s of 1280×720 frames, beside {other}",
            ours_s=times["ours"],
            other_s=times[other],
            ours_peak=peak,
            ours_to_other=round(times["ours"] / times[other], 3),
            wanted="under 0.2" if other == "encoding" else "",
            kept=times["ours"] < 0.2 * times[other] if other == "encoding" else None,
        )


def file_rows(folder: Path, rounds: int = 2 * meter.ROUNDS) -> Iterator[meter.Row]:
    """Must show 4: a file of the size of a long clip, beside reading it."""
    source = folder / "clip.bin"
    piece = bytes(range(256)) * (PIECE_BYTES // 256)
    with source.open("wb") as file:
        for _ in range(200):
            file.write(piece)

    def read() -> None:
        with source.open("rb") as file:
            while file.read(PIECE_BYTES):
                pass

    digest = lambda: clip_digest(FileClip(source), keep_sound=True)  # noqa: E731
    times = meter.in_turns({"ours": digest, "reading": read}, rounds)
    yield meter.row(
        "identity of a file of 200 MB, beside reading it",
        ours_s=times["ours"],
        other_s=times["reading"],
        ours_peak=meter.peak_of(digest),
        ours_gb_per_s=round(source.stat().st_size / times["ours"] / 1e9, 2),
    )


def rows(folder: Path, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """All of the above."""
    yield from file_rows(folder, 2 * rounds)
    yield from frames_rows(folder, rounds)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        meter.show(rows(Path(place)))
