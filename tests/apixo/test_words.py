"""What is sent, what it costs, and what fail codes are about."""

from __future__ import annotations

import json
import math

import pytest
from apixo_wan_animate.utils.apixo.failures import Family, advice, family_of
from apixo_wan_animate.utils.apixo.request import MAX_SEED, Submission, WanOptions
from apixo_wan_animate.utils.billing import billable_seconds
from apixo_wan_animate.utils.errors import InputError

PICTURE, CLIP = "https://cdn.example/fox.png", "https://cdn.example/walk.mp4"


def body(callback_url=None, **options):
    return Submission(WanOptions(**options), PICTURE, CLIP, callback_url).body()


def test_the_body_of_a_submit_is_as_documented():
    sent = body(type="animate", resolution="720p", prompt=" a fox ", seed=-1, provider="value")
    assert sent == {
        "request_type": "async",
        "provider": "value",
        "input": {
            "mode": "standard",
            "type": "animate",
            "image_urls": [PICTURE],
            "video_urls": [CLIP],
            "prompt": "a fox",
            "resolution": "720p",
            "seed": -1,
        },
    }


@pytest.mark.parametrize("prompt", ["", " ", "\n\t "])
def test_a_blank_prompt_is_left_out(prompt):
    assert "prompt" not in body(prompt=prompt)["input"]


def test_the_keys_own_routing_is_asked_for_by_saying_nothing():
    assert "provider" not in body(provider="key default")


def test_a_callback_changes_the_kind_of_request():
    sent = body(callback_url="https://me.example/cb/token")
    assert sent["request_type"] == "callback"
    assert sent["callback_url"] == "https://me.example/cb/token"


def test_what_is_submitted_arrives_as_it_is(service, submission):
    client = service.succeeds({"taskId": "t-1"})
    client.submit(submission)
    (asked,) = service.server.requests
    assert (asked.method, asked.target) == ("POST", "/api/v1/generateTask/wan-2-2-animate")
    assert asked.headers["authorization"] == "Bearer sk-test-0123456789abcdef"
    assert json.loads(asked.body) == submission.body()


@pytest.mark.parametrize(
    "prompt", ["fox \U0001f98a", "fox\x00", "ß “x” \\ / </script>", "x" * 9000]
)
def test_every_prompt_arrives_as_it_is(service, prompt):
    client = service.succeeds({"taskId": "t-1"})
    client.submit(Submission(WanOptions(prompt=prompt), PICTURE, CLIP))
    assert json.loads(service.server.requests[0].body)["input"]["prompt"] == prompt


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "dance"}, {"type": ""}, {"type": None}, {"type": ["animate"]},
        {"resolution": "1080p"}, {"resolution": 480}, {"provider": "cheap"}, {"provider": ""},
        {"seed": -2}, {"seed": MAX_SEED + 1}, {"seed": 1.0}, {"seed": True}, {"seed": "1"},
        {"seed": None}, {"seed": math.nan},
        {"prompt": None}, {"prompt": 7}, {"prompt": "x" * 20_001}, {"prompt": "\ud800"},
    ],
    ids=str,
)  # fmt: skip
def test_an_option_that_the_service_does_not_know_is_refused_before_anything(wrong):
    with pytest.raises(InputError):
        WanOptions(**wrong).check()


@pytest.mark.parametrize(
    "right",
    [{}, {"seed": -1}, {"seed": 0}, {"seed": MAX_SEED}, {"prompt": "x" * 20_000},
     {"provider": "auto"}, {"provider": "official"}, {"type": "animate", "resolution": "720p"}],
    ids=str,
)  # fmt: skip
def test_every_documented_option_is_taken(right):
    WanOptions(**right).check()


@pytest.mark.parametrize(
    ("duration_s", "billed"),
    [
        (0, 5), (0.04, 5), (4.99, 5), (5, 5), (5.0005, 5), (5.002, 6), (5.5, 6), (6, 6),
        (29.97, 30), (30.03, 31), (119.2, 120), (120, 120), (120.5, 120), (600, 120),
    ],
)  # fmt: skip
def test_seconds_are_billed_up_and_within_their_bounds(duration_s, billed):
    assert billable_seconds(duration_s) == billed


@pytest.mark.parametrize("duration_s", [math.nan, math.inf, -math.inf, -0.04])
def test_what_is_no_length_costs_nothing(duration_s):
    with pytest.raises(InputError):
        billable_seconds(duration_s)


FAMILIES = {
    Family.CONTENT: ["CONTENT_VIOLATION", "NSFW_DETECTED", "SensitiveContentDetected",
                     "NSFWDetected", "content-violation", "PromptSensitive"],
    Family.PROMPT: ["PROMPT_TOO_LONG", "PromptLengthExceeded"],
    Family.MEDIA_FETCH: ["INVALID_IMAGE_URL", "IMAGE_DOWNLOAD_FAILED", "VideoURLInvalid",
                         "VIDEO_DOWNLOAD_TIMEOUT"],
    Family.MEDIA_FORMAT: ["IMAGE_TOO_LARGE", "UNSUPPORTED_FORMAT", "InvalidImageFormat",
                          "NoFaceDetected"],
    Family.TIMEOUT: ["PROCESSING_TIMEOUT", "ProcessingTimeout"],
    Family.UNAVAILABLE: ["MODEL_UNAVAILABLE", "ModelUnavailable", "InsufficientResources",
                         "INTERNAL_ERROR"],
    Family.CREDIT: ["INSUFFICIENT_CREDITS", "InsufficientCredits", "INSUFFICIENT_BALANCE"],
    Family.OTHER: ["GENERATION_FAILED", "", "???", "500", "Ω"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "family"), [(code, family) for family in FAMILIES for code in FAMILIES[family]]
)
def test_a_fail_code_of_either_generation_has_its_family(code, family):
    assert family_of(code) is family


def test_each_family_has_advice_of_its_own():
    assert len({advice(FAMILIES[family][0]) for family in Family}) == len(Family)
