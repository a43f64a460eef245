"""A clip's sound is kept while its picture travels, and put back under the silent result."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from threading import Event

import av
import pytest
import torch
from apixo_wan_animate.utils.errors import DecodeError, EncodeError, InputError, Stopped
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.mux import add_sound, save_sound
from apixo_wan_animate.utils.media.types import FileClip, FramesClip, Sound
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
SILENT = Recipe(rate=RATE, options={"crf": "12", "bf": "2"})
TRACK = Track(clicks(T / 25, every_s=0.2))


def made(target: Path, recipe: Recipe = SILENT, count: int = T) -> Path:
    return write_clip(target, numbered_pictures(count, H, W), recipe)


def in_memory(seconds: float, rate_hz: int = 48_000) -> Sound:
    return Sound(torch.from_numpy(clicks(seconds, rate_hz=rate_hz, every_s=0.2)), rate_hz)


def frames_clip(sound: Sound | None) -> FramesClip:
    return FramesClip(torch.zeros(T, 8, 8, 3), RATE, sound)


def sound_of(file: Path) -> tuple[str, int, float]:
    """Codec, rate and length of the one stream of a sound file."""
    with av.open(str(file)) as container:
        (stream,) = container.streams
        length_s = float(stream.duration * stream.time_base)
        return stream.codec_context.name, stream.codec_context.sample_rate, length_s


def payloads(file: Path, kind: str) -> list[bytes]:
    with av.open(str(file)) as container:
        stream = getattr(container.streams, kind)[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


@pytest.mark.parametrize("seconds", [0.3, T / 25, 3.0])
def test_the_sound_of_frames_is_saved_as_long_as_they_are(tmp_path, seconds):
    assert save_sound(frames_clip(in_memory(seconds)), tmp_path / "sound.m4a")

    codec, rate_hz, length_s = sound_of(tmp_path / "sound.m4a")
    assert (codec, rate_hz) == ("aac", 48_000)
    assert length_s == pytest.approx(T / 25, abs=1e-3)


def test_the_sound_of_a_file_is_saved(tmp_path):
    source = made(tmp_path / "a.mp4", replace(SILENT, sound=TRACK))

    assert save_sound(FileClip(source), tmp_path / "sound.m4a")

    assert sound_of(tmp_path / "sound.m4a")[2] == pytest.approx(T / 25, abs=1e-3)


def test_the_sound_of_a_window_is_saved(tmp_path):
    source = made(tmp_path / "a.mp4", replace(SILENT, sound=TRACK))

    save_sound(FileClip(source, 0.4, 0.4), tmp_path / "sound.m4a")

    assert sound_of(tmp_path / "sound.m4a")[2] == pytest.approx(0.4, abs=1e-3)


def test_the_sound_that_takes_the_files_place_is_saved(tmp_path):
    source = made(tmp_path / "a.mp4", replace(SILENT, sound=TRACK))

    save_sound(FileClip(source, sound=in_memory(2.0, 44_100)), tmp_path / "sound.m4a")

    assert sound_of(tmp_path / "sound.m4a")[1] == 44_100


def test_a_silent_clip_has_no_sound_to_save(tmp_path):
    assert not save_sound(frames_clip(None), tmp_path / "sound.m4a")
    assert not save_sound(FileClip(made(tmp_path / "a.mp4")), tmp_path / "sound.m4a")
    assert not (tmp_path / "sound.m4a").exists()


def test_an_empty_clip_has_no_sound_to_save(tmp_path):
    empty = FramesClip(torch.zeros(0, 8, 8, 3), RATE, in_memory(1.0))

    with pytest.raises(InputError, match="empty"):
        save_sound(empty, tmp_path / "sound.m4a")


def test_sound_put_back_lies_where_it_lay(tmp_path):
    result, sound = made(tmp_path / "result.mp4"), tmp_path / "sound.m4a"
    save_sound(frames_clip(in_memory(T / 25)), sound)

    add_sound(result, sound, tmp_path / "whole.mp4")

    whole = decode(tmp_path / "whole.mp4")
    assert numbers_of(whole.frames) == list(range(T))
    assert click_starts(whole.sound.waveform) == pytest.approx(
        [0, 9600, 19200, 28800, 38400, 48000], abs=3
    )
    assert payloads(tmp_path / "whole.mp4", "video") == payloads(result, "video")
    assert payloads(tmp_path / "whole.mp4", "audio") == payloads(sound, "audio")


@pytest.mark.parametrize("count", [10, 26, 40])
def test_sound_ends_with_a_result_that_is_shorter_and_stays_whole_under_a_longer(tmp_path, count):
    result, sound = made(tmp_path / "result.mp4", count=count), tmp_path / "sound.m4a"
    save_sound(frames_clip(in_memory(T / 25)), sound)

    add_sound(result, sound, tmp_path / "whole.mp4")

    with av.open(str(tmp_path / "whole.mp4")) as container:
        stream = container.streams.audio[0]
        length_s = float(stream.duration * stream.time_base)
    most_s = min(count, T) / 25
    assert most_s - 2e-3 <= length_s <= most_s + 1024 / 48_000 + 2e-3


def test_a_results_own_sound_gives_way(tmp_path):
    result = made(tmp_path / "result.mp4", replace(SILENT, sound=TRACK))
    save_sound(frames_clip(in_memory(T / 25, 44_100)), tmp_path / "sound.m4a")

    add_sound(result, tmp_path / "sound.m4a", tmp_path / "whole.mp4")

    with av.open(str(tmp_path / "whole.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.streams.audio[0].codec_context.sample_rate == 44_100


def test_the_result_itself_may_be_replaced(tmp_path):
    result = made(tmp_path / "result.mp4")
    save_sound(frames_clip(in_memory(T / 25)), tmp_path / "sound.m4a")

    add_sound(result, tmp_path / "sound.m4a", result)

    assert decode(result).sound is not None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["result.mp4", "sound.m4a"]


@pytest.mark.parametrize("codec", ["libx265", "mpeg4", "libvpx-vp9"])
def test_a_result_of_another_codec_keeps_its_packets(tmp_path, codec):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    result = made(tmp_path / "result.mp4", Recipe(codec=codec, options=options, rate=RATE))
    save_sound(frames_clip(in_memory(T / 25)), tmp_path / "sound.m4a")

    add_sound(result, tmp_path / "sound.m4a", tmp_path / "whole.mp4")

    assert payloads(tmp_path / "whole.mp4", "video") == payloads(result, "video")
    assert numbers_of(decode(tmp_path / "whole.mp4").frames) == list(range(T))


def test_a_result_that_no_mp4_can_hold_is_an_error(tmp_path):
    coding = Recipe(codec="libvpx", options={"deadline": "realtime"}, rate=RATE)
    result = made(tmp_path / "result.webm", coding)
    save_sound(frames_clip(in_memory(T / 25)), tmp_path / "sound.m4a")

    with pytest.raises(EncodeError, match="vp8"):
        add_sound(result, tmp_path / "sound.m4a", tmp_path / "whole.mp4")

    assert not list(tmp_path.glob("whole*"))


def test_no_tag_of_either_goes_along(tmp_path):
    result, sound = tmp_path / "result.mp4", tmp_path / "sound.m4a"
    made(result, replace(SILENT, container={"movflags": "use_metadata_tags"}))
    save_sound(frames_clip(in_memory(T / 25)), sound)

    add_sound(result, sound, tmp_path / "whole.mp4")

    with av.open(str(tmp_path / "whole.mp4")) as container:
        assert set(container.metadata) == {"major_brand", "minor_version", "compatible_brands"}


def test_a_file_without_sound_cannot_be_put_under(tmp_path):
    result = made(tmp_path / "result.mp4")

    with pytest.raises(DecodeError, match="no sound"):
        add_sound(result, made(tmp_path / "other.mp4"), tmp_path / "whole.mp4")

    assert not list(tmp_path.glob("whole*"))


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    result = made(tmp_path / "result.mp4")
    save_sound(frames_clip(in_memory(T / 25)), tmp_path / "sound.m4a")

    with pytest.raises(EncodeError):
        add_sound(result, tmp_path / "sound.m4a", tmp_path / "absent" / "whole.mp4")


def test_a_stop_leaves_nothing_behind(tmp_path):
    stop = Event()
    stop.set()

    with pytest.raises(Stopped):
        save_sound(frames_clip(in_memory(T / 25)), tmp_path / "sound.m4a", stop=stop)

    assert list(tmp_path.iterdir()) == []
