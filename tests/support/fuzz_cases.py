"""One damaged file or reply after the other, each known by its seed, through all that reads it.

A case ends well when everything that it met either worked or raised an error of the pack. What
else can come of it is told: an error of somebody else, a file or a thread that is left.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

from apixo_wan_animate.utils.apixo.client import ApixoClient
from apixo_wan_animate.utils.apixo.request import Submission, WanOptions
from apixo_wan_animate.utils.apixo.task_ids import named_task_id
from apixo_wan_animate.utils.errors import WanAnimateError
from apixo_wan_animate.utils.hosting.sniff import sniff
from apixo_wan_animate.utils.media.clipfile import EncodeOptions
from apixo_wan_animate.utils.media.decode import decode, decode_clip
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.mux import add_sound, save_sound
from apixo_wan_animate.utils.media.probe import probe, verify
from apixo_wan_animate.utils.media.selection import Selection
from apixo_wan_animate.utils.media.types import FileClip
from apixo_wan_animate.utils.practice.cutout import read_cutout
from apixo_wan_animate.utils.setting_values import Secret
from apixo_wan_animate.utils.transport import Transport
from mutated_files import mutated_picture, mutated_reply
from mutated_mp4 import mutated
from rawserver import RawServer, Wire

WHOLE = "whole"
STOPPED_AFTER_S = 2.0
"""Work that can be stopped is stopped then, as a person would; what cannot must end by itself."""

Outcome = tuple[str, str]
"""A step, and how it ended: `WHOLE`, the name of an error of the pack, or what is wrong."""


class WrongError(Exception):
    """A step ended as it must not."""


def step(name: str, work: Callable[[], object]) -> Outcome:
    """Run one step.

    Raises:
        WrongError: Something but an error of the pack came out.
    """
    try:
        work()
    except WanAnimateError as error:
        if type(error) is WanAnimateError or len(str(error)) < 20:
            raise WrongError(f"{name}: a bare error: {error!r}") from error
        return name, type(error).__name__
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if "/utils/" in f.filename or "/nodes/" in f.filename]
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
        raise WrongError(
            f"{name}: {type(error).__name__} at {place}: {str(error)[:120]}"
        ) from error
    return name, WHOLE


class Stopping:
    """An event that is set after a while, as when somebody presses Cancel."""

    def __enter__(self) -> threading.Event:
        event = threading.Event()
        self._timer = threading.Timer(STOPPED_AFTER_S, event.set)
        self._timer.start()
        return event

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()


class ClipCases:
    """Damaged clips through probe, verify, decode, remux and encode.

    Args:
        seeds: Whole clips.
        folder: For files; empty again after each case.
    """

    def __init__(self, seeds: list[bytes], folder: Path) -> None:
        self._seeds = seeds
        self._folder = folder
        self._sound = folder.with_name("whole.m4a")
        if not self._sound.exists():
            save_sound(FileClip(BytesIO(seeds[0])), self._sound)

    def content(self, seed: int) -> bytes:
        """The damaged file of a seed."""
        return mutated(Random(seed), self._seeds)

    def run(self, seed: int) -> list[Outcome]:
        """Run one case.

        Raises:
            WrongError: Something came of it that must not.
        """
        chance, content = Random(-1 - seed), self.content(seed)
        threads = threading.active_count()
        source: Path | BytesIO = BytesIO(content)
        if chance.random() < 0.5:
            source = self._folder / "clip.mp4"
            source.write_bytes(content)
        try:
            found = [
                step("probe", lambda: probe(source, exact=chance.random() < 0.3)),
                step("verify", lambda: verify(source)),
                step("decode", lambda: self._decode(source, chance)),
                step("decode all", lambda: self._decode_all(source)),
                step("encode", lambda: self._encode(source, chance)),
            ]
            if isinstance(source, Path):
                found.append(step("add sound", lambda: self._add_sound(source)))
        finally:
            if isinstance(source, Path):
                source.unlink()
        left = sorted(path.name for path in self._folder.iterdir())
        if left:
            for path in self._folder.iterdir():
                path.unlink()
            raise WrongError(f"left behind: {left}")
        if threading.active_count() > threads:
            raise WrongError(f"threads left: {[thread.name for thread in threading.enumerate()]}")
        return found

    def _decode(self, source: Path | BytesIO, chance: Random) -> None:
        selection = Selection(
            start=chance.choice((0, 0, 3)), count=4, every_nth=chance.choice((1, 2)),
            longest_side=64,
        )  # fmt: skip
        clip = FileClip(source, start_s=chance.choice((0.0, 0.0, 0.2)),
                        duration_s=chance.choice((0.0, 0.3)))  # fmt: skip
        with Stopping() as stop:
            decode_clip(clip, selection, stop=stop, salvage=chance.random() < 0.5)

    def _decode_all(self, source: Path | BytesIO) -> None:
        """Only as far as memory for the frames would be reserved on a small machine."""
        with Stopping() as stop:
            decode(source, Selection(count=200, longest_side=32), stop=stop, salvage=True)

    def _encode(self, source: Path | BytesIO, chance: Random) -> None:
        target = self._folder / "sent.mp4"
        options = EncodeOptions(max_pixels=832 * 480)
        clip = FileClip(source, duration_s=chance.choice((0.0, 0.0, 0.0, 0.2)))
        with Stopping() as stop:
            encoded = encode_clip(clip, target, options=options, stop=stop)
        size = target.stat().st_size
        target.unlink()
        if not size == encoded.size_bytes > 0:
            raise AssertionError(f"{size} bytes were written, {encoded.size_bytes} were told")

    def _add_sound(self, source: Path) -> None:
        target = self._folder / "voiced.mp4"
        with Stopping() as stop:
            add_sound(source, self._sound, target, stop=stop)
        target.unlink()


class PictureCases:
    """Damaged pictures through what reads pictures.

    Args:
        seeds: Whole pictures.
        folder: For files.
    """

    def __init__(self, seeds: list[bytes], folder: Path) -> None:
        self._seeds = seeds
        self._file = folder / "picture"

    def content(self, seed: int) -> bytes:
        """The damaged file of a seed."""
        return mutated_picture(Random(seed), self._seeds)

    def run(self, seed: int) -> list[Outcome]:
        """Run one case.

        Raises:
            WrongError: Something came of it that must not.
        """
        content = self.content(seed)
        self._file.write_bytes(content)
        return [
            step("sniff", lambda: sniff(content[:4096])),
            step("cutout", lambda: read_cutout(self._file, longest_px=128)),
        ]


class _Hasty:
    """A clock that never waits."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> float:
        return time.time()

    def wait(self, stop: threading.Event, delay_s: float) -> bool:
        return stop.is_set()


class ReplyCases:
    """Damaged answers, over real HTTP, to every call of the service."""

    def __init__(self) -> None:
        self._answer = b""
        self._server = RawServer(self._serve)
        client: Any = ApixoClient(
            Transport(_Hasty()), base_url=self._server.origin, key=Secret("sk-0123456789abcdef")
        )
        submission = Submission(
            WanOptions(), image_url="https://a.test/a.png", video_url="https://a.test/a.mp4"
        )
        self._calls: dict[str, Callable[[], object]] = {
            "submit": lambda: client.submit(submission),
            "status": lambda: client.status("task-7f3a"),
            "balance": client.balance,
        }

    def _serve(self, wire: Wire) -> None:
        if wire.request() is not None:
            wire.send(self._answer)
        with wire.server.lock:
            wire.server.requests.clear()

    def content(self, seed: int) -> bytes:
        """The damaged answer of a seed, as it goes over the wire."""
        return mutated_reply(Random(seed), self._call(seed))

    def _call(self, seed: int) -> str:
        return ("submit", "status", "balance")[seed % 3]

    def run(self, seed: int) -> list[Outcome]:
        """Run one case.

        Raises:
            WrongError: Something came of it that must not.
        """
        self._answer, call = self.content(seed), self._call(seed)
        body = self._answer.partition(b"\r\n\r\n")[2]
        return [
            step(call, self._calls[call]),
            step("callback", lambda: named_task_id(body)),
        ]

    def close(self) -> None:
        """End the server."""
        self._server.close()
