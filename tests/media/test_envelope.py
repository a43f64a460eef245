"""What is sent as it is, what is changed to fit, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import pytest
from apixo_wan_animate.utils.errors import InputError
from apixo_wan_animate.utils.media import envelope
from apixo_wan_animate.utils.media.types import Size


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        (Size(832, 480), Size(832, 480)),
        (Size(833, 479), Size(834, 480)),
        (Size(2048, 2047), Size(2048, 2048)),
        (Size(4096, 2160), Size(2048, 1080)),
        (Size(6000, 2000), Size(2046, 682)),
        (Size(600, 200), Size(600, 200)),
        (Size(160, 120), Size(266, 200)),
        (Size(64, 48), Size(266, 200)),
        (Size(48, 64), Size(200, 266)),
        (Size(33, 99), Size(200, 600)),
    ],
)
def test_a_clip_is_brought_into_the_envelope(own, sent):
    assert envelope.clip_size(own) == sent


@pytest.mark.parametrize("own", [Size(1920, 1080), Size(1080, 1920), Size(3000, 1001)])
def test_a_clip_beyond_what_the_resolution_can_use_is_scaled_down(own):
    sent = envelope.clip_size(own, max_pixels=832 * 480)

    assert 0.97 * 832 * 480 < sent.width * sent.height <= 832 * 480
    assert sent.width % 2 == sent.height % 2 == 0
    assert sent.width / sent.height == pytest.approx(own.width / own.height, rel=0.01)


def test_a_clip_is_never_scaled_below_the_shortest_side():
    sent = envelope.clip_size(Size(1500, 500), max_pixels=100_000)

    assert sent == Size(600, 200)


@pytest.mark.parametrize("own", [Size(601, 200), Size(200, 700), Size(1000, 30)])
def test_a_clip_longer_than_three_to_one_is_refused(own):
    with pytest.raises(InputError, match=r"at most 3:1\. Crop it"):
        envelope.clip_size(own)


@pytest.mark.parametrize("own", [Size(31, 40), Size(2, 2)])
def test_a_clip_with_next_to_no_pixels_is_refused(own):
    with pytest.raises(InputError, match=rf"The clip is {own.width}×{own.height} px; .* 200 px"):
        envelope.clip_size(own)


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        (Size(200, 200), Size(200, 200)),
        (Size(4096, 3001), Size(4096, 3001)),
        (Size(8192, 4096), Size(4096, 2048)),
        (Size(3000, 9000), Size(1365, 4095)),
    ],
)
def test_a_picture_is_brought_into_the_envelope(own, sent):
    assert envelope.picture_size(own) == sent


def test_a_picture_under_200_px_is_refused():
    with pytest.raises(InputError, match=r"The picture is 300×199 px; .* at least 200 px\. "):
        envelope.picture_size(Size(300, 199))


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(InputError, match="has no pixels"):
        envelope.picture_size(Size(0, 300))


@pytest.mark.parametrize(
    "rate", [Fraction(30), Fraction(24000, 1001), Fraction(25, 2), Fraction(1, 3)]
)
def test_a_plain_rate_stays_what_it_is(rate):
    assert envelope.frame_rate(rate) == rate


@pytest.mark.parametrize(
    ("meant", "written"),
    [
        (29.97, Fraction(2997, 100)),
        (24000 / 1001, Fraction(24000, 1001)),
        (1 / 3, Fraction(1, 3)),
        (0.1, Fraction(1, 10)),
    ],
)
def test_a_float_becomes_the_rate_that_was_meant(meant, written):
    assert envelope.frame_rate(Fraction(meant)) == written


@pytest.mark.parametrize("rate", [Fraction(3e9), Fraction(50_001), Fraction(1, 1001)])
def test_a_rate_that_no_file_holds_is_refused(rate):
    with pytest.raises(InputError, match=r"from 0\.001 to 50000 frames"):
        envelope.frame_rate(rate)


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-24)])
def test_a_rate_of_nothing_is_refused(rate):
    with pytest.raises(InputError, match="above 0"):
        envelope.frame_rate(rate)
