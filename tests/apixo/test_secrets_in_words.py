"""Signed links and the key in the service's own words: hidden in every spelling, the rest kept."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from apixo_wan_animate.utils.errors import ProtocolError, RejectedError

from .conftest import KEY

SIGNATURE = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
PLACE = "//bucket.s3.example.com/up/0a1b.mp4"
QUERY = f"?X-Amz-Credential=AKIAEXAMPLE%2F20261128&X-Amz-Signature={SIGNATURE}"
LINK = f"https:{PLACE}{QUERY}"
AZURE = "/c/a.mp4?sv=2024-11-04&se=2026-11-28T00%3A00%3A00Z&sr=b&sp=r&sig="
GOOGLE = "/b/a.mp4?GoogleAccessId=me%40x.iam.example&Expires=1790000000&Signature="
CLOUDFRONT = "/a.mp4?Expires=1790000000&Key-Pair-Id=K2&Policy=eyJ&Signature="


def php(text: str) -> str:
    """JSON as PHP writes it."""
    return json.dumps(text).replace("/", "\\/")


SPELLED = {
    "bare": LINK,
    "in JSON": json.dumps({"url": LINK}),
    "with the slashes of PHP": php(LINK),
    "in JSON of JSON": php(php(LINK)),
    "with escaped signs": LINK.replace("&", "\\u0026").replace("?", "\\u003F"),
    "with other escaped signs": LINK.replace("=", "\\u003d").replace("/", "\\u002F"),
    "in markup": LINK.replace("&", "&amp;"),
    "percent-encoded": quote(LINK, safe=""),
    "percent-encoded twice": quote(quote(LINK, safe=""), safe=""),
    "percent-encoded with its words": quote(f"GET {LINK} failed", safe=""),
    "without its scheme": PLACE[2:] + QUERY,
    "without its scheme, percent-encoded": quote(PLACE[2:] + QUERY, safe=""),
    "path and query": "/up/0a1b.mp4" + QUERY,
    "query alone": QUERY,
    "from the middle of a query": QUERY.partition("&")[2],
    "one parameter": f"x&X-Goog-Signature={SIGNATURE}",
    "of Azure": AZURE + SIGNATURE,
    "of Google": GOOGLE + SIGNATURE,
    "of CloudFront": CLOUDFRONT + SIGNATURE,
    "of a name nobody knows": f"/up/0a1b.mp4?hmac256={SIGNATURE}",
    "of a token": f"seen &amp;access_token={SIGNATURE}",
    "of a path": f"h.example/apixo_wan/published/{SIGNATURE}.mp4",
}  # fmt: skip


@pytest.mark.parametrize("spelled", SPELLED)
@pytest.mark.parametrize("pad", [0, 250, 580])
def test_a_signature_in_a_failure_is_hidden_in_every_spelling(service, spelled, pad):
    words = f"{'x' * pad} cannot fetch {SPELLED[spelled]} today"
    failure = service.succeeds({"state": "failed", "failMsg": words}).status("t1").failure
    assert SIGNATURE[:16] not in failure.message
    assert SIGNATURE[-16:] not in failure.message
    assert "AKIAEXAMPLE" not in failure.message
    if pad == 0 and spelled != "percent-encoded with its words":
        assert failure.message.startswith("cannot fetch ")
        assert failure.message.endswith(" today")


@pytest.mark.parametrize(
    "words",
    [
        "Is the clip 5 s? It has sig = 3 and token=none; see section 2.1 & 2.2",
        "duration=134.2 is more than limit=120 (code: 422)",
        "type=replace&resolution=480p is not available for seed=0",
        "The policy forbids this. Expires=never",
        "100% of 3 tasks failed: and/or, 5/7, A&B=C",
        "Bild “fuchs.png” ist zu groß?",
    ],
)
def test_ordinary_words_stay_as_they_are(service, words):
    failure = service.succeeds({"state": "failed", "failMsg": words}).status("t1").failure
    assert failure.message == words


KEYED = {
    "at the cut of a long message": "Invalid request, " + "x" * 245 + " Authorization: Bearer {}",
    "at a later cut": "x" * 2390 + "{}",
    "as the end of a link": "see https://api.example.com/api/v1/keys/{}",
    "many times": "{} " * 200,
    "as a value": "/keys?k={}",
    "twice in a link": "https://{}.example.com/{}",
}


def pieces(text: str, least: int = 6) -> set[str]:
    """What of the key is in a text, in pieces that tell something."""
    starts = range(len("sk-test-"), len(KEY) - least + 1)
    return {KEY[at : at + least] for at in starts if KEY[at : at + least] in text}


@pytest.mark.parametrize("way", KEYED)
@pytest.mark.parametrize(
    "spell",
    [
        lambda key: key,
        lambda key: key.replace("-", "%2D"),
        lambda key: key.replace("-", "%252d"),
        lambda key: key.replace("-", "\\u002d"),
    ],
    ids=["bare", "percent", "percent twice", "JSON"],
)
def test_no_piece_of_the_key_is_left_in_an_error(service, submission, way, spell):
    words = KEYED[way].replace("{}", spell(KEY))
    with pytest.raises(RejectedError) as caught:
        service.answers({"code": 400, "message": words}, status=400).submit(submission)
    assert pieces(f"{caught.value} {caught.value!r} {vars(caught.value)}") == set()
    failed = {"state": "failed", "failCode": words, "failMsg": words}
    failure = service.succeeds(failed).status("t1").failure
    assert pieces(f"{failure.code} {failure.message}") == set()


@pytest.mark.parametrize("at", [170, 185, 780, 790])
def test_no_piece_of_the_key_is_left_in_an_excerpt(service, submission, at):
    with pytest.raises(ProtocolError) as caught:
        service.answers(b"<html>" + b"y" * at + KEY.encode()).submit(submission)
    assert pieces(caught.value.excerpt) == set()


def test_a_task_id_that_is_the_key_is_not_shown(service, submission):
    with pytest.raises(ProtocolError) as caught:
        service.answers({"code": 429, "data": {"taskId": KEY}}, status=429).submit(submission)
    assert pieces(f"{caught.value} {caught.value.excerpt}") == set()


def test_a_plain_yes_whose_task_id_is_the_key_names_no_task(service, submission):
    with pytest.raises(ProtocolError) as caught:
        service.answers({"code": 200, "data": {"taskId": KEY}}).submit(submission)
    assert caught.value.task_id == ""
    assert pieces(f"{caught.value} {caught.value.excerpt}") == set()
