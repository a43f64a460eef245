"""Media that mean harm: no file leads to another one, and none fills the memory."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
import time
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from threading import Event

import av
import pytest
from apixo_wan_animate.utils.errors import DecodeError, WanAnimateError
from apixo_wan_animate.utils.media.claims import MOST_SAMPLES, check_claims
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.listening import decode_sound
from apixo_wan_animate.utils.media.mux import add_sound, save_sound
from apixo_wan_animate.utils.media.probe import probe, verify
from apixo_wan_animate.utils.media.selection import Selection
from apixo_wan_animate.utils.media.types import FileClip
from apixo_wan_animate.utils.practice.survey import look_over
from clips_made import Recipe, Track, clicks, numbered_pictures, write_clip
from evil_media import (
    CAN_WATCH,
    FRAGMENTED,
    POINTING,
    OpenWatch,
    endless_silence,
    png_of,
    too_many_in_a_fragment,
    too_many_samples,
    vast_pictures,
    years_of_sound,
)
from patience import one_of_three
from rawserver import RawServer, answering, reply_bytes

PACK = Path(__file__).resolve().parents[2]
T, H, W = 7, 96, 160
ONE = Selection(count=1)

PLACES = {
    "probe": lambda path, out: probe(path),
    "probe of a content": lambda path, out: probe(BytesIO(path.read_bytes())),
    "verify": lambda path, out: verify(path),
    "decode": lambda path, out: decode(path, ONE),
    "decode of a content": lambda path, out: decode(BytesIO(path.read_bytes()), ONE),
    "sound alone": lambda path, out: decode_sound(path),
    "encode": lambda path, out: encode_clip(FileClip(path), out),
    "sound kept": lambda path, out: save_sound(FileClip(path), out),
    "sound put back": lambda path, out: add_sound(path, path, out),
    "practice": lambda path, out: look_over(path, "480p", Event()),
}
"""Every way in which the pack opens media; the last test but one sees that there is no other."""


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """What must not be opened: a good clip, which would play."""
    path = tmp_path_factory.mktemp("secret") / "secret.mp4"
    return write_clip(path, numbered_pictures(T, H, W), Recipe())


@pytest.fixture
def folder(tmp_path, secret):
    shutil.copy(secret, tmp_path / "secret.mp4")
    return tmp_path


@pytest.fixture
def server():
    made = RawServer(answering(reply_bytes(200, b"x")))
    yield made
    made.close()


@pytest.fixture
def watch(folder):
    if not CAN_WATCH:
        pytest.skip("needs Linux, to see who opens a file")
    made = []

    def start(*more: Path) -> OpenWatch:
        made.append(OpenWatch(folder / "secret.mp4", *more))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", POINTING)
def test_a_file_that_points_at_another_opens_neither_file_nor_socket(
    folder, server, watch, place, kind
):
    path = POINTING[kind](folder, server.origin)
    watched = watch(*folder.glob("secret?.png"), *folder.glob("*.sub"))

    def attempt() -> float:
        began = time.monotonic()
        if kind == "a track in another file":
            with suppress(WanAnimateError):  # a clip without pictures; its sound is none
                PLACES[place](path, folder / "out.mp4")
        else:
            with pytest.raises(DecodeError):
                PLACES[place](path, folder / "out.mp4")
        return time.monotonic() - began

    one_of_three(attempt, within_s=2.0)
    assert not watched.opened()
    assert server.connections == 0


@pytest.mark.parametrize(
    ("kind", "options"),
    [("a script", {}), ("a pattern of names", {}),
     ("a track in another file", {"enable_drefs": "1"})],
)  # fmt: skip
def test_these_files_do_lead_elsewhere_where_nobody_looks_after_them(
    folder, server, watch, kind, options
):
    """The attacks are real: this is what the test above would see."""
    path = POINTING[kind](folder, server.origin)
    watched = watch(*folder.glob("secret?.png"))
    with suppress(av.error.FFmpegError), av.open(str(path), options=options) as container:
        next(container.decode(video=0), None)
    assert watched.opened()


def test_a_playlist_does_lead_to_a_url_where_nobody_looks_after_it(folder, server):
    path = POINTING["a playlist of a URL"](folder, server.origin)
    with suppress(av.error.FFmpegError), av.open(
        str(path), options={"protocol_whitelist": "file,http,tcp,data,crypto"}
    ):  # fmt: skip
        pass
    assert server.connections


READERS = re.compile(r"\bav\.open\(|VideoCapture|imread\(|Image\.open|imageio|torchvision|ffmpeg\b")


def test_media_is_opened_for_reading_in_one_place_only():
    found = set()
    for path in [*PACK.glob("nodes/*.py"), *PACK.glob("utils/**/*.py"), PACK / "cli.py"]:
        text = re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text(encoding="utf-8"))
        for match in READERS.finditer(text):
            writes = '"w"' in text[match.start() : match.start() + 120]
            found |= {(path.relative_to(PACK).as_posix(), match.group())} if not writes else set()
    assert found == {("utils/media/container.py", "av.open(")}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"\0" * 5000, b"<html>", b"MZ" + b"\0" * 5000, b"\x89PNG\r\n\x1a\n",
     b"\x00\x00\x00\x18ftypmp42"],
)  # fmt: skip
def test_what_is_no_media_is_named_so(tmp_path, place, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(DecodeError) as caught:
        PLACES[place](path, tmp_path / "out.mp4")
    assert str(path) not in str(caught.value)


@pytest.mark.parametrize("ending", ["avi", "png", "txt", "m3u8", "sdp", "mp3", "exe", "%03d"])
def test_a_clip_is_known_by_what_it_is_and_not_by_its_name(tmp_path, secret, ending):
    path = tmp_path / f"clip.{ending}"
    shutil.copy(secret, path)
    assert decode(path).frames.shape[0] == T


# Files that claim more than they hold


def test_files_that_claim_more_than_they_hold_take_little_memory(tmp_path):
    """In a process of its own that is held to 4 GB: whoever believed them would need more."""
    if not CAN_WATCH:
        pytest.skip("needs Linux, to see what memory was taken")
    bombs = [
        too_many_samples(tmp_path), too_many_in_a_fragment(tmp_path), endless_silence(tmp_path),
        vast_pictures(tmp_path, told=True), vast_pictures(tmp_path, told=False),
        years_of_sound(tmp_path),
    ]  # fmt: skip
    for name, content in {
        "vast.png": png_of(30_000, 30_000),
        "huge.png": png_of(2**31 - 1, 2**31 - 1),
    }.items():
        bombs.append(tmp_path / name)
        bombs[-1].write_bytes(content)
    assert all(bomb.stat().st_size < 100_000 for bomb in bombs)
    done = subprocess.run(
        [sys.executable, str(PACK / "tests" / "support" / "open_bombs.py"), str(PACK),
         *map(str, bombs)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(lines) == len(bombs), done.stderr
    for how, grown_mb, name in lines:
        assert how in {"DecodeError", "MemoryShortError"}, (name, how)
        assert int(grown_mb) < 150, (name, grown_mb)


HONEST = {
    "plain": Recipe(),
    "fragmented": FRAGMENTED,
    "AAC": Recipe(sound=Track(clicks(1.0))),
    "uncompressed sound": Recipe(sound=Track(clicks(1.0), codec="pcm_s16le", format="s16")),
    "ten thousand frames a second": Recipe(rate=Fraction(10_000)),
}


@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_clip_is_let_through(tmp_path, kind):
    ending = "mov" if kind == "uncompressed sound" else "mp4"
    path = write_clip(tmp_path / f"a.{ending}", numbered_pictures(T, H, W), HONEST[kind])
    check_claims(path)
    decoded = decode(path)
    assert decoded.frames.shape[0] == T
    assert decoded.frame_rate == HONEST[kind].rate
    assert (decoded.sound is None) == (HONEST[kind].sound is None)


def renamed(content: bytearray, at: int) -> None:
    content[at : at + 4] = b"free"


def emptied(content: bytearray, at: int) -> None:
    content[at + 8 : at + 12] = bytes(4)  # how many rows it has


@pytest.mark.parametrize("damage", [renamed, emptied])
def test_sound_whose_table_of_pieces_is_missing_is_read_or_refused(tmp_path, damage):
    path = tmp_path / "a.mov"
    write_clip(path, numbered_pictures(T, H, W), HONEST["uncompressed sound"])
    content = bytearray(path.read_bytes())
    damage(content, content.rindex(b"stsc"))
    path.write_bytes(content)
    check_claims(path)
    with suppress(WanAnimateError):
        assert decode(path, salvage=True).frames.shape[0] == T


def test_the_most_samples_are_counted_exactly():
    def claiming(count: int) -> BytesIO:
        box = struct.pack(">I4sIII", 20, b"stsz", 0, 1, count)
        for parent in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
            box = struct.pack(">I4s", len(box) + 8, parent) + box
        return BytesIO(box)

    check_claims(claiming(MOST_SAMPLES))
    with pytest.raises(DecodeError):
        check_claims(claiming(MOST_SAMPLES + 1))
