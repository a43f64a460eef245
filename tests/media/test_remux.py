"""A file that already is what the service wants goes up packet by packet, and without its tags."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from threading import Event

import av
import numpy as np
import pytest
import torch
from apixo_wan_animate.utils.errors import Stopped
from apixo_wan_animate.utils.media.clipfile import EncodeOptions
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.types import FileClip, Size, Sound
from clips_made import (
    Recipe,
    Track,
    click_starts,
    clicks,
    numbered_pictures,
    numbers_of,
    write_clip,
)

T, H, W = 26, 208, 304
RATE = Fraction(25)
SECRET = b"workflow of a person, 48.2082 16.3738"
RIGHT = Recipe(
    rate=RATE, options={"crf": "12", "bf": "2"}, sound=Track(clicks(T / 25, every_s=0.2))
)


def made(target: Path | BytesIO, recipe: Recipe = RIGHT, *, height=H, width=W, count=T, **more):
    return write_clip(target, numbered_pictures(count, height, width), recipe, **more)


def sent(clip: FileClip | Path, folder: Path, **options):
    clip = clip if isinstance(clip, FileClip) else FileClip(clip)
    return encode_clip(clip, folder / "sent.mp4", options=EncodeOptions(**options))


def payloads(file: Path | BytesIO, kind: str = "video") -> list[bytes]:
    """What the packets of a stream hold, in the form of MP4."""
    with av.open(str(file) if isinstance(file, Path) else file) as container:
        stream = getattr(container.streams, kind)[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def stamps(file: Path, kind: str = "video") -> list[tuple[Fraction, Fraction]]:
    with av.open(str(file)) as container:
        stream = getattr(container.streams, kind)[0]
        return [
            (packet.pts * packet.time_base, packet.dts * packet.time_base)
            for packet in container.demux(stream)
            if packet.size
        ]


@pytest.mark.parametrize("frames_between", ["0", "2"], ids=["no B-frames", "B-frames"])
def test_packets_stay_what_and_where_they_are(tmp_path, frames_between):
    options = {**RIGHT.options, "bf": frames_between}
    source = made(tmp_path / "a.mp4", replace(RIGHT, options=options))

    done = sent(source, tmp_path)

    assert done.remuxed
    assert payloads(done.path) == payloads(source)
    assert payloads(done.path, "audio") == payloads(source, "audio")
    assert stamps(done.path) == stamps(source)
    assert stamps(done.path, "audio") == stamps(source, "audio")
    assert (done.size, done.frame_rate, done.frame_count) == (Size(W, H), RATE, T)
    assert done.size_bytes == done.path.stat().st_size
    assert done.duration_s == pytest.approx(T / 25)


def test_a_copied_clip_decodes_to_the_same(tmp_path):
    source = made(tmp_path / "a.mp4")

    own, seen = decode(source), decode(sent(source, tmp_path).path)

    assert torch.equal(own.frames, seen.frames)
    assert torch.equal(own.sound.waveform, seen.sound.waveform)


def test_the_index_comes_first(tmp_path):
    data = sent(made(tmp_path / "a.mp4"), tmp_path).path.read_bytes()

    assert data.index(b"moov") < data.index(b"mdat")


def tagged(source: Path, target: Path) -> Path:
    """The same clip with everything in it that may tell of its owner."""
    text = SECRET.decode()
    options = {"movflags": "use_metadata_tags"}
    with (
        av.open(str(source)) as reader,
        av.open(str(target), "w", container_options=options) as output,
    ):
        for key in ("workflow", "prompt", "comment", "title", "location", "location-eng"):
            output.metadata[key] = text
        streams = {}
        for stream in reader.streams:
            streams[stream.index] = output.add_stream_from_template(stream, opaque=True)
            streams[stream.index].metadata["handler_name"] = text
            streams[stream.index].metadata["title"] = text
        for packet in reader.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
    return target


@pytest.mark.parametrize("name", ["b.mp4", "b.mov", "b.mkv"])
def test_no_tag_goes_along(tmp_path, name):
    source = tagged(made(tmp_path / "a.mp4"), tmp_path / name)
    assert SECRET in source.read_bytes()

    done = sent(source, tmp_path)

    assert done.remuxed
    assert SECRET not in done.path.read_bytes()
    with av.open(str(done.path)) as file:
        assert set(file.metadata) == {"major_brand", "minor_version", "compatible_brands"}
        handlers = [stream.metadata["handler_name"] for stream in file.streams]
    assert handlers == ["VideoHandler", "SoundHandler"]


def test_other_streams_and_attachments_stay_behind(tmp_path):
    plain, source = made(tmp_path / "a.mp4"), tmp_path / "b.mkv"
    with av.open(str(plain)) as reader, av.open(str(source), "w") as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in reader.streams}
        more = output.add_stream_from_template(reader.streams.audio[0], opaque=True)
        for packet in reader.demux():
            if packet.size:
                twice = packet.stream_index == reader.streams.audio[0].index
                again = av.Packet(bytes(packet)) if twice else None
                if again is not None:
                    again.pts, again.dts = packet.pts, packet.dts
                    again.time_base, again.stream = packet.time_base, more
                packet.stream = streams[packet.stream_index]
                output.mux([packet] if again is None else [packet, again])

    done = sent(source, tmp_path)

    with av.open(str(done.path)) as file:
        assert [stream.type for stream in file.streams] == ["video", "audio"]
    assert payloads(done.path, "audio")[1:] == payloads(plain, "audio")[1:]


@pytest.mark.parametrize("name", ["a.mov", "a.mkv", "a.ts", "a.flv"])
def test_other_containers_are_left_behind(tmp_path, name):
    recipe = RIGHT
    if name == "a.flv":
        sound = Track(clicks(T / 25, every_s=0.2, rate_hz=44_100), 44_100)
        recipe = replace(RIGHT, sound=sound)
    source = made(tmp_path / name, recipe)
    own = decode(source)

    done = sent(source, tmp_path)

    seen = decode(done.path)
    assert done.remuxed
    assert numbers_of(seen.frames) == list(range(T))
    assert (seen.frame_rate, done.frame_rate) == (RATE, RATE)
    assert torch.equal(seen.frames, own.frames)
    found, expected = click_starts(seen.sound.waveform), click_starts(own.sound.waveform)
    assert len(found) == len(expected)
    assert np.abs(np.array(found) - expected).max() <= 48
    with av.open(str(done.path)) as file:
        assert file.format.name.startswith("mov,mp4")


def test_a_files_content_is_copied_too(tmp_path):
    content = made(BytesIO())
    content.seek(7)

    done = sent(FileClip(content), tmp_path)

    assert (done.remuxed, content.tell()) == (True, 7)
    assert payloads(done.path) == payloads(BytesIO(content.getvalue()))


@pytest.mark.parametrize("duration_s", [0.0, T / 25, 99.0])
def test_a_window_that_takes_everything_changes_nothing(tmp_path, duration_s):
    assert sent(FileClip(made(tmp_path / "a.mp4"), 0.0, duration_s), tmp_path).remuxed


def test_sound_that_is_not_wanted_stays_behind(tmp_path):
    done = sent(made(tmp_path / "a.mp4"), tmp_path, keep_sound=False)

    with av.open(str(done.path)) as file:
        assert [stream.type for stream in file.streams] == ["video"]
    assert done.remuxed


def test_a_clip_without_sound_is_copied(tmp_path):
    done = sent(made(tmp_path / "a.mp4", replace(RIGHT, sound=None)), tmp_path)

    assert done.remuxed
    assert decode(done.path).sound is None


def test_another_sound_is_encoded_beside_the_copied_picture(tmp_path):
    source = made(tmp_path / "a.mp4")
    other = Sound(torch.from_numpy(clicks(3.0, rate_hz=44_100, every_s=0.25)), 44_100)

    done = sent(FileClip(source, sound=other), tmp_path)

    sound = decode(done.path).sound
    assert done.remuxed
    assert payloads(done.path) == payloads(source)
    assert sound.sample_rate_hz == 44_100
    expected = [0, 11025, 22050, 33075, 44100]
    assert click_starts(sound.waveform) == pytest.approx(expected, abs=3)
    assert sound.waveform.shape[1] == round(T / 25 * 44_100)


def test_sound_of_another_kind_becomes_aac_beside_the_copied_picture(tmp_path):
    track = Track(clicks(T / 25, every_s=0.2), codec="pcm_s16le", format="s16")
    source = made(tmp_path / "a.mkv", replace(RIGHT, sound=track))
    own = decode(source).sound

    done = sent(source, tmp_path)

    sound = decode(done.path).sound
    assert done.remuxed
    assert payloads(done.path) == payloads(source)
    expected = click_starts(own.waveform)
    assert click_starts(sound.waveform) == pytest.approx(expected, abs=3)


def test_sound_longer_than_the_picture_is_cut(tmp_path):
    source = made(tmp_path / "a.mp4", replace(RIGHT, sound=Track(clicks(4.0, every_s=0.2))))

    done = sent(source, tmp_path)

    with av.open(str(done.path)) as file:
        stream = file.streams.audio[0]
        length_s = float(stream.duration * stream.time_base)
        assert done.remuxed
        assert T / 25 <= length_s < T / 25 + 1024 / 48_000 + 1e-3


def test_sound_that_starts_later_stays_later(tmp_path):
    track = Track(clicks(0.6, every_s=0.2), start=9600)
    source = made(tmp_path / "a.mp4", replace(RIGHT, sound=track))
    expected = click_starts(decode(source).sound.waveform)

    done = sent(source, tmp_path)

    found = click_starts(decode(done.path).sound.waveform)
    assert done.remuxed
    assert found == pytest.approx(expected, abs=1)
    assert found == pytest.approx([9600, 19200, 28800], abs=48)


UNFIT = {
    "another codec": {"codec": "mpeg4", "options": {"qscale": "2"}},
    "10 bit": {"pixel_format": "yuv420p10le"},
    "4:2:2": {"pixel_format": "yuv422p"},
    "4:4:4": {"pixel_format": "yuv444p"},
    "grey": {"pixel_format": "gray"},
    "full range": {"range": 2, "matrix": 1},
    "oblong pixels": {"pixel_aspect": Fraction(4, 3)},
    "two fields": {"options": {"crf": "12", "x264-params": "interlaced=1"}},
    "HDR": {"options": {"crf": "12", "x264-params": "transfer=smpte2084"}},
}


@pytest.mark.parametrize("changes", UNFIT.values(), ids=UNFIT.keys())
def test_what_is_not_as_the_service_wants_it_is_encoded(tmp_path, changes):
    source = made(tmp_path / "a.mp4", replace(RIGHT, **changes))

    done = sent(source, tmp_path)

    assert not done.remuxed
    assert numbers_of(decode(done.path).frames) == list(range(T))


@pytest.mark.parametrize(
    ("height", "width", "options"),
    [(208, 303, {}), (120, 160, {}), (208, 2100, {}), (416, 608, {"max_pixels": 304 * 208})],
    ids=["odd", "small", "large", "more than useful"],
)
def test_a_size_that_is_not_right_is_encoded(tmp_path, height, width, options):
    recipe = replace(RIGHT, pixel_format="yuv444p") if width % 2 else RIGHT
    if width == 2100:
        height = 720
    source = made(tmp_path / "a.mp4", recipe, height=height, width=width, count=3)

    assert not sent(source, tmp_path, **options).remuxed


def test_a_size_a_hair_over_the_useful_one_is_copied(tmp_path):
    source = made(tmp_path / "a.mp4")

    assert sent(source, tmp_path, max_pixels=W * H - 2000).remuxed


def test_a_varying_rate_is_encoded(tmp_path):
    times = [n * 40 + (13 if n % 5 else 0) for n in range(T)]
    recipe = replace(RIGHT, stamps=times, time_base=Fraction(1, 1000))
    source = made(tmp_path / "a.mp4", recipe)

    assert not sent(source, tmp_path).remuxed


@pytest.mark.parametrize(("start_s", "duration_s"), [(0.2, 0.0), (0.0, 0.4)])
def test_a_pending_trim_is_encoded(tmp_path, start_s, duration_s):
    assert not sent(FileClip(made(tmp_path / "a.mp4"), start_s, duration_s), tmp_path).remuxed


def test_a_file_over_the_limit_is_encoded(tmp_path):
    random = np.random.default_rng(1)
    pictures = [random.integers(0, 256, (H, W, 3), np.uint8) for _ in range(5)]
    source = write_clip(tmp_path / "a.mp4", pictures, Recipe(rate=RATE, options={"crf": "6"}))

    done = sent(source, tmp_path, limit_bytes=source.stat().st_size - 1000)

    assert not done.remuxed
    assert done.size_bytes < source.stat().st_size - 1000


@pytest.mark.parametrize("box", [b"tkhd", b"mvhd"])
def test_a_turned_clip_is_encoded(tmp_path, box):
    source = made(tmp_path / "a.mp4")
    data = bytearray(source.read_bytes())
    at = data.index(box) + 4 + {b"tkhd": 40, b"mvhd": 36}[box]
    numbers = [0, 1, 0, -1, 0, 0, 0, 0, 0x4000]
    data[at : at + 36] = b"".join((0x10000 * n).to_bytes(4, "big", signed=True) for n in numbers)
    source.write_bytes(data)

    done = sent(source, tmp_path)

    assert not done.remuxed
    assert done.size == Size(H, W)


def test_a_clip_cut_by_an_edit_list_is_encoded(tmp_path):
    """The list says: begin 5 frames late. A copy would bring back what was cut away."""
    source = made(tmp_path / "a.mp4", replace(RIGHT, options={"crf": "12", "bf": "0"}, sound=None))
    data = bytearray(source.read_bytes())
    at = data.index(b"elst") + 4 + 8
    length = int.from_bytes(data[at : at + 4], "big")
    data[at : at + 4] = (length - 200).to_bytes(4, "big")
    data[at + 4 : at + 8] = (5 * 512).to_bytes(4, "big")
    source.write_bytes(data)

    done = sent(source, tmp_path)

    assert not done.remuxed
    assert numbers_of(decode(done.path).frames) == list(range(5, T))


def test_a_stop_leaves_nothing_behind(tmp_path):
    source, stop = made(tmp_path / "a.mp4"), Event()

    with pytest.raises(Stopped):
        encode_clip(
            FileClip(source),
            tmp_path / "sent.mp4",
            stop=stop,
            progress=lambda done, total: stop.set(),
        )

    assert list(tmp_path.iterdir()) == [source]


def test_progress_counts_the_copied_frames(tmp_path):
    seen = []

    encode_clip(
        FileClip(made(tmp_path / "a.mp4")),
        tmp_path / "sent.mp4",
        progress=lambda done, total: seen.append((done, total)),
    )

    assert seen == [(n + 1, T) for n in range(T)]
