"""What the practice service makes of a picture and a clip."""

from __future__ import annotations

import threading
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from apixo_wan_animate.utils.errors import DecodeError, Stopped
from apixo_wan_animate.utils.practice.cutout import read_cutout
from apixo_wan_animate.utils.practice.render import RenderError, render
from apixo_wan_animate.utils.practice.survey import result_size

from .drawn import frames_of, make_clip, make_picture, turn


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("render")


@pytest.fixture(scope="module")
def character(folder):
    return make_picture(folder / "character.png")


@pytest.fixture(scope="module")
def clip(folder):
    return make_clip(folder / "clip.mp4")


def made(
    folder, character, clip, *, kind="replace", resolution="480p", sound=True, name="result.mp4"
):
    target = folder / name
    render(
        (character, clip),
        target,
        alone=kind == "animate",
        resolution=resolution,
        sound=sound,
        stop=threading.Event(),
    )
    return target


@pytest.fixture(scope="module")
def replaced(folder, character, clip):
    return made(folder, character, clip, name="replaced.mp4")


@pytest.fixture(scope="module")
def animated(folder, character, clip):
    return made(folder, character, clip, kind="animate", name="animated.mp4")


def orange(frame):
    """Share of the picture that has the character's colour."""
    red, green, blue = (frame[..., index].astype(int) for index in range(3))
    found = (red - blue > 100) & (abs(green - 130) < 70)
    return found.mean(), np.flatnonzero(found.any(0))


@pytest.mark.parametrize(
    ("shown", "resolution", "size"),
    [
        ((832, 480), "480p", (832, 480)),
        ((1280, 720), "720p", (1280, 720)),
        ((1920, 1080), "480p", (848, 480)),
        ((1080, 1920), "720p", (720, 1280)),
        ((480, 832), "480p", (480, 832)),
        ((1000, 1000), "480p", (624, 624)),
        ((208, 208), "720p", (208, 208)),
        ((320, 180), "720p", (320, 176)),
        ((300, 16), "480p", (304, 16)),
    ],
)
def test_the_size_has_the_resolutions_area_and_the_clips_aspect(shown, resolution, size):
    found = result_size(shown, resolution)
    assert (found.width, found.height) == size


def test_length_rate_size_and_sound_are_those_of_the_motion(replaced):
    with av.open(str(replaced)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.width, picture.height) == (832, 480)
        assert picture.average_rate == 24
        assert picture.codec_context.pix_fmt == "yuv420p"
        length = sum(frame.samples for frame in container.decode(sound)) / sound.rate
        assert length == pytest.approx(1.0, abs=0.05)
    assert len(frames_of(replaced)) == 24


def test_the_file_says_that_it_is_practice(replaced):
    with av.open(str(replaced)) as container:
        assert "PRACTICE" in container.metadata["comment"]


@pytest.mark.parametrize("kind", ["replaced", "animated"])
def test_the_character_stands_in_every_frame_and_moves(kind, request):
    found = [orange(frame) for frame in frames_of(request.getfixturevalue(kind))]
    assert min(share for share, _ in found) > 0.02
    middles = [float(columns.mean()) for _, columns in found]
    assert middles[-1] - middles[0] > 832 * 0.3


def test_replacing_keeps_the_footage_and_animating_does_not(folder, clip, replaced, animated):
    source = [cv2.resize(frame, (832, 480)) for frame in frames_of(clip)]

    def difference(path):
        pairs = zip(source, frames_of(path), strict=True)
        return np.mean([np.abs(a[:100].astype(int) - b[:100]).mean() for a, b in pairs])

    assert difference(replaced) < 12
    assert difference(animated) > 20


def test_the_person_in_the_footage_is_gone(folder, character):
    clip = make_clip(folder / "broad.mp4", figure_px=110, sound="")
    dark = [(frame.max(2) < 45).mean() for frame in frames_of(clip)]
    result = frames_of(made(folder, character, clip, name="broad-result.mp4"))
    left = [(frame[:400].max(2) < 45).mean() for frame in result]
    assert np.median(left) < np.median(dark) / 10


@pytest.mark.parametrize("kind", ["replace", "animate"])
def test_the_character_keeps_its_colour(folder, character, clip, kind):
    for frame in frames_of(made(folder, character, clip, kind=kind, name="colour.mp4"))[::6]:
        red, green, blue = (frame[..., index].astype(int) for index in range(3))
        inside = frame[(red - blue > 120) & (abs(green - 130) < 60)]
        assert np.abs(np.median(inside, axis=0) - (250, 130, 40)).max() < 8


def test_a_turned_clip_is_answered_upright(folder, character):
    clip = turn(make_clip(folder / "turned.mp4", sound="", count=12))
    upright = [np.rot90(frame, -1) for frame in frames_of(clip)]
    result = frames_of(made(folder, character, clip, name="turned-result.mp4"))
    assert result[0].shape == (832, 480, 3)
    for wanted, found in zip(upright, result, strict=True):
        difference = cv2.resize(wanted, (480, 832)).astype(int) - found
        assert np.median(np.abs(difference)) < 8


def test_pixels_that_are_not_square_are_made_so(folder, character):
    clip = make_clip(
        folder / "oblong.mp4", size=(360, 288), pixel_aspect=Fraction(4, 3), count=3, sound=""
    )
    frame = frames_of(made(folder, character, clip, name="oblong-result.mp4"))[0]
    assert frame.shape[:2] == (496, 816)


def test_every_frame_bears_the_badge(replaced, animated):
    for path in (replaced, animated):
        for frame in frames_of(path):
            corner = frame[430:472, 690:822].max(2)
            assert (corner < 90).mean() > 0.2
            assert (corner > 215).mean() > 0.05


def test_the_watermark_reads_across_a_plain_picture(folder, character):
    pixels = np.full((480, 832, 3), 120, np.uint8)
    path = folder / "grey.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 832, 480, "yuv420p"
        for index in range(4):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frame = frames_of(made(folder, character, path, name="marked.mp4"))[0]
    lighter = (frame[:, :, 2].astype(int) - 120 > 8) & (frame.max(2) < 160)
    across = lighter[:, 150:700].any(0).mean()
    assert across > 0.5


def test_without_sound_there_is_none(folder, character, clip):
    silent = made(folder, character, clip, sound=False, name="silent.mp4")
    mute = made(folder, character, make_clip(folder / "mute.mp4", sound="", count=5), name="m.mp4")
    for path in (silent, mute):
        with av.open(str(path)) as container:
            assert not container.streams.audio


@pytest.mark.parametrize(("codec", "name"), [("pcm_s16le", "a.mov"), ("libmp3lame", "b.mp4")])
def test_sound_of_another_kind_is_turned_into_aac(folder, character, codec, name):
    clip = make_clip(folder / name, sound=codec, count=12)
    with av.open(str(made(folder, character, clip, name=f"{name}.mp4"))) as container:
        sound = container.streams.audio[0]
        assert sound.codec_context.name == "aac"
        length = sum(frame.samples for frame in container.decode(sound)) / sound.rate
        assert length == pytest.approx(0.5, abs=0.06)


def test_an_odd_rate_is_kept_exactly(folder, character):
    clip = make_clip(folder / "ntsc.mp4", rate=Fraction(30000, 1001), count=11)
    result = made(folder, character, clip, name="ntsc-result.mp4")
    with av.open(str(result)) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)
    assert len(frames_of(result)) == 11


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_clips_are_answered(folder, character, count):
    clip = make_clip(folder / f"short{count}.mp4", count=count, sound="")
    assert len(frames_of(made(folder, character, clip, name=f"s{count}.mp4"))) == count


def test_a_clip_that_breaks_off_is_answered_as_far_as_it_goes(folder, character):
    whole = make_clip(folder / "whole.mp4", count=60, sound="")
    broken = folder / "broken.mp4"
    broken.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    assert 5 < len(frames_of(made(folder, character, broken, name="b2.mp4"))) < 60


def test_somebody_who_stays_is_covered_where_he_is(folder, character):
    clip = make_clip(folder / "stays.mp4", count=20, moving=False, sound="")
    shares = [orange(frame)[0] for frame in frames_of(made(folder, character, clip, name="st.mp4"))]
    assert min(shares) > 0.02


@pytest.mark.parametrize("kind", ["transparent", "noise", "grey", "wide", "sixteen"])
def test_any_picture_is_cut_out_somehow(folder, kind):
    path = folder / f"{kind}.png"
    if kind in {"transparent", "noise"}:
        make_picture(path, alpha=kind == "transparent", noise=kind == "noise")
    elif kind == "grey":
        cv2.imwrite(str(path), np.full((300, 200), 128, np.uint8))
    elif kind == "wide":
        make_picture(path, 900, 300)
    else:
        picture = np.full((300, 200, 3), 65535, np.uint16)
        picture[80:260, 60:140] = (0, 30000, 60000)
        cv2.imwrite(str(path), picture)
    cutout = read_cutout(path, longest_px=500)
    assert cutout.rgb.shape[:2] == cutout.alpha.shape
    assert max(cutout.alpha.shape) <= 504
    assert cutout.alpha.max() > 200
    if kind != "grey":
        assert cutout.alpha.min() == 0


def test_a_soft_ground_is_keyed_out(folder):
    height, width = 400, 300
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    ground = np.dstack([150 + 60 * y, 160 + 40 * x, 200 - 30 * y])
    cv2.ellipse(ground, (150, 200), (60, 150), 0, 0, 360, (20, 60, 200), -1)
    path = folder / "soft.png"
    cv2.imwrite(str(path), ground.astype(np.uint8))
    cutout = read_cutout(path, longest_px=500)
    assert cutout.alpha.shape[1] < 150
    assert (cutout.alpha > 200).mean() == pytest.approx(np.pi / 4, abs=0.1)


def test_a_file_that_is_no_picture_is_refused(folder):
    (folder / "no.png").write_bytes(b"")
    with pytest.raises(DecodeError):
        read_cutout(folder / "no.png", longest_px=500)


def test_a_file_that_is_no_clip_is_refused(folder, character):
    (folder / "no.mp4").write_bytes(b"nothing")
    with pytest.raises(RenderError) as caught:
        made(folder, character, folder / "no.mp4")
    assert caught.value.code == "UNSUPPORTED_FORMAT"


def test_a_stop_ends_it(folder, character, clip):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        render(
            (character, clip), folder / "x.mp4", alone=False, resolution="480p", sound=True,
            stop=stop,
        )  # fmt: skip
