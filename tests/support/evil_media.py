"""Media that mean harm: files that point at others, and files that claim more than they hold."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from clips_made import Recipe, Track, numbered_pictures, write_clip

FRAGMENTED = Recipe(container={"movflags": "frag_keyframe+empty_moov+default_base_moof"})
_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"dinf")
_IN_OPEN, _IN_NONBLOCK = 0x20, 0o4000


class OpenWatch:
    """Sees whoever opens a file, in whatever language (Linux's inotify).

    Args:
        paths: The files.
    """

    def __init__(self, *paths: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(_IN_NONBLOCK)
        assert self._handle >= 0
        for path in paths:
            assert self._libc.inotify_add_watch(self._handle, os.fsencode(path), _IN_OPEN) >= 0

    def opened(self) -> bool:
        """Whether one of them was opened since the last look."""
        try:
            return bool(os.read(self._handle, 65536))
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._handle)


CAN_WATCH = sys.platform == "linux"


# Files that point at others. The neighbour is `secret.mp4` in the same folder.


def concat(folder: Path, url: str) -> Path:
    """A script of FFmpeg's own, called a clip."""
    return _text(folder, "ffconcat version 1.0\nfile secret.mp4\n")


def concat_of_url(folder: Path, url: str) -> Path:
    return _text(folder, f"ffconcat version 1.0\nfile '{url}/a.mp4'\noption safe 0\n")


def playlist(folder: Path, url: str) -> Path:
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n"
    there = (folder / "secret.mp4").as_uri()
    return _text(folder, f"{head}secret.mp4\n#EXTINF:9,\n{there}\n#EXT-X-ENDLIST\n")


def playlist_by_its_name(folder: Path, url: str) -> Path:
    path = folder / "evil.m3u8"
    playlist(folder, url).rename(path)
    return path


def playlist_of_url(folder: Path, url: str) -> Path:
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n"
    text = f"{head}{url}/a.ts\n#EXT-X-ENDLIST\n"
    (folder / "evil.m3u8").write_text(text)
    return folder / "evil.m3u8"


def session_description(folder: Path, url: str) -> Path:
    lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=x", "c=IN IP4 127.0.0.1", "t=0 0",
             "m=video 5004 RTP/AVP 96", "a=rtpmap:96 H264/90000"]  # fmt: skip
    return _text(folder, "\n".join(lines) + "\n")


def manifest(folder: Path, url: str) -> Path:
    return _text(
        folder,
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT9S" profiles="urn:mpeg:dash:profile:isoff-main:2011">'
        f"<Period><AdaptationSet><Representation id='1'><BaseURL>{url}/a.mp4</BaseURL>"
        "</Representation></AdaptationSet></Period></MPD>",
    )


def subtitle_index(folder: Path, url: str) -> Path:
    """It makes FFmpeg open the file of the same name that ends in .sub."""
    (folder / "evil.sub").write_bytes(b"\0" * 64)
    return _text(folder, "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n")


def pattern(folder: Path, url: str) -> Path:
    """A name that FFmpeg takes for a row of pictures."""
    (folder / "secret1.png").write_bytes(png_of(8, 8))
    path = folder / "secret%d.png"
    path.write_bytes(b"no picture")
    return path


def external_track(folder: Path, url: str) -> Path:
    """An MP4 without data of its own, whose track lies in another file (an alias record)."""
    content = bytearray((folder / "secret.mp4").read_bytes())
    at = content.index(b"mdat") + 4
    content[at : content.index(b"moov") - 4] = bytes(content.index(b"moov") - 4 - at)
    name = b"/disk/secret.mp4"
    record = b"\0" * 10 + b"\4disk".ljust(28, b"\0") + b"\0" * 12
    record += b"\x0asecret.mp4".ljust(64, b"\0") + b"\0" * 16 + struct.pack(">HH", 1, 1)
    record += b"\0" * 16 + struct.pack(">HH", 2, len(name)) + name + struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(record), b"alis", 0) + record
    dref = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    start = content.index(b"dref") - 4
    old = int.from_bytes(content[start : start + 4], "big")
    content[start : start + old] = dref
    for parent in _PARENTS:
        place = content.index(parent) - 4
        size = int.from_bytes(content[place : place + 4], "big") + len(dref) - old
        content[place : place + 4] = size.to_bytes(4, "big")
    path = folder / "evil.mp4"
    path.write_bytes(content)
    return path


POINTING: dict[str, Callable[[Path, str], Path]] = {
    "a script": concat,
    "a script with a URL": concat_of_url,
    "a playlist called mp4": playlist,
    "a playlist": playlist_by_its_name,
    "a playlist of a URL": playlist_of_url,
    "a session description": session_description,
    "a manifest": manifest,
    "an index of subtitles": subtitle_index,
    "a pattern of names": pattern,
    "a track in another file": external_track,
}


def _text(folder: Path, text: str) -> Path:
    path = folder / "evil.mp4"
    path.write_text(text)
    return path


# Files that claim more than they hold

SAMPLES = 50_000_000
"""Believed, they take more than a gigabyte; a thousand million would not even be tried."""


def png_of(width: int, height: int) -> bytes:
    """A PNG of one shade that says it is so large; of its rows there are at most 64."""
    row = b"\0" + b"\x80" * min(width, 30_000)
    data = zlib.compress(row * min(height, 64))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def too_many_samples(folder: Path) -> Path:
    """An MP4 of some kilobytes whose index says so many samples of one byte, all in one piece."""
    path = write_clip(folder / "samples.mp4", numbered_pictures(3, 96, 160))
    content = bytearray(path.read_bytes())
    count = SAMPLES.to_bytes(4, "big")
    at = content.index(b"stsz") + 8
    content[at : at + 8] = (1).to_bytes(4, "big") + count
    at = content.index(b"stsc") + 16
    content[at : at + 4] = count
    at = content.index(b"stts") + 12
    content[at : at + 4] = count
    path.write_bytes(content)
    return path


def too_many_in_a_fragment(folder: Path) -> Path:
    """A fragmented MP4 one of whose runs says so many samples, none with a size of its own."""
    path = write_clip(folder / "fragment.mp4", numbered_pictures(3, 96, 160), FRAGMENTED)
    content = bytearray(path.read_bytes())
    at = content.index(b"trun") + 4
    content[at : at + 8] = (1).to_bytes(4, "big") + SAMPLES.to_bytes(4, "big")
    path.write_bytes(content)
    return path


def vast_pictures(folder: Path, *, told: bool) -> Path:
    """A WebM of small VP8 pictures that say they are 16 000×16 000.

    Args:
        told: Whether the file's own header says so too.
    """
    recipe = Recipe(codec="libvpx", options={"cpu-used": "8"})
    path = write_clip(folder / f"vast{told:d}.webm", numbered_pictures(2, 288, 320), recipe)
    content = bytearray(path.read_bytes())
    side = 16_000
    at = content.index(b"\x9d\x01\x2a") + 3
    content[at : at + 4] = struct.pack("<HH", side, side)
    if told:  # Matroska's PixelWidth and PixelHeight
        for element in (b"\xb0\x82\x01\x40", b"\xba\x82\x01\x20"):
            at = content.index(element) + 2
            content[at : at + 2] = side.to_bytes(2, "big")
    path.write_bytes(content)
    return path


def years_of_sound(folder: Path) -> Path:
    """Two pictures thirty years apart, and a moment of sound."""
    sound = Track(np.zeros((2, 4096), np.float32))
    recipe = Recipe(codec="ffv1", options={}, stamps=[0, 10**12], time_base=Fraction(1, 1000),
                    sound=sound)  # fmt: skip
    return write_clip(folder / "years.mkv", numbered_pictures(2, 96, 160), recipe)


def endless_silence(folder: Path) -> Path:
    """Uncompressed sound of some kilobytes whose table says millions of samples a piece."""
    sound = Track(np.zeros((2, 4096), np.float32), codec="pcm_s16le", format="s16")
    path = write_clip(folder / "silence.mov", numbered_pictures(3, 96, 160), Recipe(sound=sound))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"stsc") + 16
    content[at : at + 4] = (2**31 - 1).to_bytes(4, "big")
    path.write_bytes(content)
    return path
