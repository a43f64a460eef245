"""A file that is cut, empty or no clip is refused with a reason; before its cut it is good."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import pytest
from apixo_wan_animate.utils.errors import DecodeError, InputError
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.types import FileClip
from clips_made import Track, clicks, numbers_of

from .test_encode_file import OTHER, made, sent


def cut(file: Path, share: float) -> Path:
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    return file


def test_a_cut_file_is_refused_with_the_second(tmp_path):
    recipe = replace(OTHER, container={"movflags": "faststart"})
    source = cut(made(tmp_path / "a.mp4", recipe), 0.6)

    with pytest.raises(DecodeError, match=r"damaged at 0\.\d\d s .* of \d+ frames\. Save"):
        sent(source, tmp_path)

    assert list(tmp_path.iterdir()) == [source]


def test_a_cut_file_is_good_up_to_the_cut(tmp_path):
    recipe = replace(OTHER, container={"movflags": "faststart"})
    source = cut(made(tmp_path / "a.mp4", recipe), 0.6)

    done = sent(FileClip(source, 0.0, 0.08), tmp_path)

    assert numbers_of(decode(done.path).frames) == [0, 1]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"<html>no such file</html>" * 50, "not a clip"),
        (bytes(range(256)) * 40, "not a clip"),
    ],
    ids=["empty", "page", "bytes"],
)
def test_what_is_no_clip_is_refused(tmp_path, content, what):
    source = tmp_path / "a.mp4"
    source.write_bytes(content)

    with pytest.raises(DecodeError, match=what):
        sent(source, tmp_path)


def test_a_file_that_is_gone_is_refused(tmp_path):
    with pytest.raises(DecodeError, match="cannot be read"):
        sent(tmp_path / "gone.mp4", tmp_path)


def test_a_sound_file_is_no_clip(tmp_path):
    both = made(tmp_path / "a.mkv", replace(OTHER, sound=Track(clicks(0.5))))
    alone = tmp_path / "alone.mka"
    with av.open(str(both)) as source, av.open(str(alone), "w", format="matroska") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)

    with pytest.raises(DecodeError, match="no video"):
        sent(alone, tmp_path)


def test_an_empty_window_is_refused(tmp_path):
    with pytest.raises(DecodeError, match="Start earlier"):
        sent(FileClip(made(tmp_path / "a.mp4"), 5.0), tmp_path)


def test_an_extreme_aspect_is_refused(tmp_path):
    source = made(tmp_path / "a.mp4", height=64, width=304)

    with pytest.raises(InputError, match="at most 3:1"):
        sent(source, tmp_path)
