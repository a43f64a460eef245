"""Whatever a workflow holds, a node makes a request of it or says in our words what is wrong."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import torch
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes.inputs import build_request, exact_rate
from apixo_wan_animate.nodes.outputs import FrameOptions
from apixo_wan_animate.nodes.sounds import to_sound
from apixo_wan_animate.utils.apixo.request import Submission
from apixo_wan_animate.utils.errors import InputError
from apixo_wan_animate.utils.media.types import FileClip, FramesClip
from apixo_wan_animate.utils.tasks.request import Request
from hypothesis import example, given
from hypothesis import strategies as st

shapes = st.lists(st.integers(0, 5), min_size=0, max_size=5)
kinds = st.sampled_from([torch.float32, torch.float16, torch.uint8, torch.int64, torch.bool])
tensors = st.builds(lambda shape, kind: torch.zeros(shape, dtype=kind), shapes, kinds)
pictures = st.none() | tensors | st.just(torch.zeros(1, 8, 9, 3))
rates = st.floats() | st.integers() | st.sampled_from([0.0, 24.0, 29.97, 1e-300, 1e300, 5e-324])
sounds = (
    st.none()
    | st.dictionaries(
        st.sampled_from(["waveform", "sample_rate", "else"]),
        tensors | st.integers() | st.floats() | st.text(max_size=5) | st.none(),
    )
    | st.integers()
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
)
urls = st.none() | st.sampled_from(
    ["", " ", "https://a.example/a.mp4", "https://[", "http://a:x/", "https://\ud800/", "file:///a",
     "https://a.example/" + "a" * 5000, "https://a.example:99999/a.mp4", "https://é.example/ä.mp4"]
) | st.text(max_size=40)  # fmt: skip
words = st.sampled_from(
    ["replace", "animate", "480p", "720p", "key default", "auto", "keep", "none", "this ComfyUI"]
)
odd = words | st.text(max_size=20) | st.none() | st.integers() | st.floats() | st.lists(words)
videos = st.none() | st.builds(
    lambda start, length, rate, shape: host.FakeVideo(
        FileClip(Path("clip.mp4"), start, length)
        if rate is None
        else FramesClip(torch.zeros(shape), rate)
    ),
    st.floats(-2, 5),
    st.floats(-2, 5),
    st.none() | st.fractions(max_denominator=1001),
    shapes,
)
seeds = st.integers() | st.integers(-1, 2**31 - 1) | st.booleans() | st.floats() | st.text()
WIDGETS = {
    "character": pictures, "character_mask": st.none() | tensors, "motion": videos,
    "motion_frames": pictures, "audio": sounds, "frame_rate": rates,
    "type": words | odd, "resolution": words | odd, "provider": words | odd,
    "host": words | odd, "sound": words | odd, "seed": seeds,
    "prompt": st.text(max_size=50) | odd, "character_url": urls, "motion_url": urls,
}  # fmt: skip
one_wrong = st.one_of(*(st.tuples(st.just(name), values) for name, values in WIDGETS.items()))
GOOD = {
    "character": torch.zeros(1, 8, 9, 3), "character_mask": None, "motion": None,
    "motion_frames": torch.zeros(2, 8, 9, 3), "audio": None, "frame_rate": 24.0, "type": "replace",
    "resolution": "480p", "provider": "key default", "host": "auto", "sound": "keep", "seed": 0,
    "prompt": "", "character_url": "", "motion_url": "",
}  # fmt: skip


def asked(inputs: dict) -> None:
    """Make the request; its body can be sent, or the error is ours."""
    try:
        request = build_request(**inputs)
    except InputError as error:
        str(error).encode()
        assert len(str(error)) > 20
        return
    assert isinstance(request, Request)
    body = Submission(request.options, image_url="https://a", video_url="https://b").body()
    json.dumps(body).encode()


@given(st.fixed_dictionaries(WIDGETS))
def test_any_workflow_makes_a_request_or_an_error_of_ours(inputs):
    asked(inputs)


@given(one_wrong)
@example(("seed", 10**5000))
@example(("host", ["auto"]))
def test_one_wrong_value_in_a_good_workflow_is_named(change):
    name, value = change
    asked(GOOD | {name: value})


@given(rates)
@example(1e308)
@example(float("inf"))
def test_any_rate_is_a_positive_fraction_or_an_error_of_ours(rate):
    try:
        found = exact_rate(rate)
    except InputError:
        return
    assert isinstance(found, Fraction)
    assert found > 0


@given(sounds)
@example({"waveform": torch.zeros(1, 1, 9), "sample_rate": float("inf")})
@example({"waveform": torch.zeros(1, 1, 9), "sample_rate": 10**400})
def test_any_audio_is_sound_nothing_or_an_error_of_ours(audio):
    try:
        sound = to_sound(audio)
    except InputError:
        return
    assert sound is None or sound.sample_rate_hz > 0


numbers = st.integers() | st.integers(-1, 9)


@given(numbers, numbers, numbers, numbers)
def test_any_frame_numbers_are_a_selection_or_an_error_of_ours(first, count, nth, side):
    options = FrameOptions(first_frame=first, frame_count=count, every_nth=nth, longest_side=side)
    try:
        selection = options.selection()
        selection.check()
    except InputError:
        return
    assert len(selection.slots(100)) <= 100
