"""Damage is an error that names the second, or ends the frames there when that is asked for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
from apixo_wan_animate.utils.errors import DecodeError
from apixo_wan_animate.utils.media.decode import decode, decode_clip
from apixo_wan_animate.utils.media.selection import Selection
from apixo_wan_animate.utils.media.types import FileClip
from apixo_wan_animate.utils.media.wholeness import missing_bytes
from clips_made import Recipe, Track, clicks, numbered_pictures, numbers_of, write_clip

T, H, W = 90, 96, 160
SOUND = Track(clicks(3.0))
NOISY = Recipe(options={"crf": "18", "preset": "veryfast", "g": "30", "bf": "2"}, sound=SOUND)
KINDS = {
    "mp4": replace(NOISY, container={"movflags": "faststart"}),
    "fragmented.mp4": replace(
        NOISY, container={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    ),
    "mkv": NOISY,
    "ts": NOISY,
    "flv": replace(NOISY, sound=None, options={**NOISY.options, "bf": "0"}),
    "avi": replace(NOISY, codec="mpeg4", sound=None, options={"bf": "2", "b": "4000000"}),
    "webm": replace(
        NOISY, codec="libvpx-vp9", options={"crf": "30", "b": "0", "cpu-used": "8"},
        sound=replace(SOUND, codec="libopus"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One clip of each kind, with enough noise that damage hits a picture."""
    folder = tmp_path_factory.mktemp("whole")
    random = np.random.default_rng(1)
    pictures = [
        np.clip(picture + random.integers(-25, 26, picture.shape), 0, 255).astype(np.uint8)
        for picture in np.asarray(numbered_pictures(T, H, W), np.int16)
    ]
    return {
        kind: write_clip(folder / f"whole.{kind}", pictures, recipe).read_bytes()
        for kind, recipe in KINDS.items()
    }


def shortened(content: bytes) -> BytesIO:
    """Six tenths of a file, and never whole packets of a TS, which has no end that could lack."""
    size = len(content) * 6 // 10
    return BytesIO(content[: size - size % 188 + 100])


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_found_whole(whole, kind):
    content = BytesIO(whole[kind])
    assert missing_bytes(content) == 0
    assert numbers_of(decode(content).frames) == list(range(T))


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_file_is_an_error_that_names_the_second(whole, kind):
    cut = shortened(whole[kind])
    with pytest.raises(DecodeError, match=r"damaged at (1\.[5-9]|2\.0)\d s") as caught:
        decode(cut)
    assert "Save or download it again" in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_frames_before_a_cut_are_had_for_the_asking(whole, kind):
    cut = shortened(whole[kind])
    decoded = decode(cut, salvage=True)
    count = len(decoded.frames)
    assert 45 <= count <= 58
    assert numbers_of(decoded.frames) == list(range(count))
    assert f"{count} of " in decoded.note
    if KINDS[kind].sound is not None:
        assert decoded.sound.waveform.shape[1] <= round(count / 30 * 48_000)


def scratched(content: bytes) -> BytesIO:
    """From the end of one picture into the next, where a decoder cannot but notice."""
    with av.open(BytesIO(content)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    middle = packets[43].pos + packets[43].size - 80
    noise = np.random.default_rng(5).integers(0, 256, 160, np.uint8).tobytes()
    return BytesIO(content[:middle] + noise + content[middle + len(noise) :])


@pytest.mark.parametrize("kind", ["mp4", "fragmented.mp4", "mkv", "avi"])
def test_a_scratch_is_an_error_and_never_a_painted_over_picture(whole, kind):
    damaged = scratched(whole[kind])
    with pytest.raises(DecodeError, match=r"damaged at 1\.[3-6]\d s"):
        decode(damaged)
    decoded = decode(damaged, salvage=True)
    count = len(decoded.frames)
    assert 39 <= count <= 48
    sound = decode(BytesIO(whole[kind])).frames[:count]
    assert np.array_equal(decoded.frames.numpy(), sound.numpy())


def test_a_hole_in_a_matroska_is_no_long_frame(whole):
    """FFmpeg steps over a broken cluster without a word; its frames would be held for seconds."""
    content = bytearray(whole["mkv"])
    with av.open(BytesIO(whole["mkv"])) as container:
        at = [packet.pos for packet in container.demux(video=0) if packet.size][40]
    content[at - 60 : at - 20] = bytes(40)
    with pytest.raises(DecodeError, match=r"damaged at 1\.[23]\d s"):
        decode(BytesIO(bytes(content)))
    decoded = decode(BytesIO(bytes(content)), salvage=True)
    assert numbers_of(decoded.frames) == list(range(len(decoded.frames)))


def test_a_window_before_the_damage_is_no_concern_of_it(whole):
    clip = FileClip(scratched(whole["mp4"]), duration_s=1.0)
    assert numbers_of(decode_clip(clip).frames) == list(range(30))
    cut = BytesIO(whole["mp4"][: len(whole["mp4"]) * 6 // 10])
    assert numbers_of(decode(cut, Selection(count=30)).frames) == list(range(30))


def test_damaged_sound_names_its_second_and_costs_no_picture(whole, tmp_path):
    recipe = replace(NOISY, sound=replace(SOUND, codec="flac", format="s16", layout="stereo"))
    noise = np.random.default_rng(2).normal(0, 0.2, (2, 48_000 * 2)).astype(np.float32)
    recipe = replace(recipe, sound=replace(recipe.sound, waveform=noise))
    clip = write_clip(tmp_path / "clip.mkv", numbered_pictures(60, H, W), recipe)
    content = bytearray(clip.read_bytes())
    at = len(content) // 2
    content[at : at + 3000] = bytes(3000)
    clip.write_bytes(bytes(content))
    with pytest.raises(DecodeError, match=r"damaged at [01]\.\d\d s \(its sound"):
        decode(clip)
    decoded = decode(clip, salvage=True)
    assert numbers_of(decoded.frames) == list(range(60))
    assert "its sound" in decoded.note
    assert 0 < decoded.sound.waveform.shape[1] < 2 * 48_000


NOT_CLIPS = {
    "empty": (b"", "empty file"),
    "a page": (b"<!doctype html><html><body>404</body></html>" * 40, "not a clip"),
    "zeros": (bytes(5000), "not a clip"),
    "a playlist": (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/hostname\n", "not a clip"),
    "a list of files": (b"ffconcat version 1.0\nfile /etc/hostname\n", "not a clip"),
}


@pytest.mark.parametrize("name", NOT_CLIPS)
@pytest.mark.parametrize("salvage", [False, True])
def test_what_is_no_clip_is_named_so(tmp_path, name, salvage):
    content, words = NOT_CLIPS[name]
    file = tmp_path / "result.mp4"
    file.write_bytes(content)
    with pytest.raises(DecodeError, match=words) as caught:
        decode(file, salvage=salvage)
    assert str(tmp_path) not in str(caught.value)


def test_a_file_that_is_not_there_is_named_so(tmp_path):
    with pytest.raises(DecodeError, match="cannot be read"):
        decode(tmp_path / "gone.mp4")


def test_a_clip_cut_within_its_index_is_named_so(whole):
    with pytest.raises(DecodeError, match=r"cut off: \d+ bytes are missing"):
        decode(BytesIO(whole["mp4"][:300]))


def test_sound_alone_is_no_clip(tmp_path):
    clip = tmp_path / "sound.mkv"
    write_clip(clip, numbered_pictures(3, H, W), replace(NOISY, codec="mjpeg", options={},
                                                         pixel_format="yuvj420p"))  # fmt: skip
    with av.open(str(clip)) as reading, av.open(str(tmp_path / "only.mka"), "w") as writing:
        stream = writing.add_stream_from_template(reading.streams.audio[0], opaque=True)
        for packet in reading.demux(reading.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                writing.mux(packet)
    with pytest.raises(DecodeError, match="no video"):
        decode(tmp_path / "only.mka")


LIES = {
    "ten times as long": lambda count: count * 10,
    "a third": lambda count: count // 3,
    "nothing": lambda count: 0,
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_about_the_length_is_not_believed(whole, lie):
    """Matroska's duration and AVI's frame count are patched; every frame comes all the same."""
    content = bytearray(whole["mkv"])
    at = content.index(b"\x44\x89\x88") + 3
    claimed = LIES[lie](3000)
    content[at : at + 8] = np.array(claimed, ">f8").tobytes()
    assert numbers_of(decode(BytesIO(bytes(content))).frames) == list(range(T))

    content = bytearray(whole["avi"])
    at = content.index(b"avih") + 8 + 16
    content[at : at + 4] = LIES[lie](T).to_bytes(4, "little")
    assert numbers_of(decode(BytesIO(bytes(content))).frames) == list(range(T))


def test_durations_patched_into_an_mp4_are_not_believed(whole):
    content = bytearray(whole["mp4"])
    for box, place in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        at = content.index(box) + place
        content[at : at + 4] = (7).to_bytes(4, "big")
    decoded = decode(BytesIO(bytes(content)))
    assert numbers_of(decoded.frames) == list(range(T))
    assert decoded.frame_rate == Fraction(30)
