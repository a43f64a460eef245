"""After real work with marked secrets nobody finds a mark in anything that was left."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
import requests
import torch
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes import session
from apixo_wan_animate.nodes.account import ApixoBalance, ApixoWanEstimate
from apixo_wan_animate.nodes.animate import ApixoWanAnimate
from apixo_wan_animate.nodes.routes import PREFIX
from apixo_wan_animate.nodes.uploads import ApixoUploadImage, ApixoUploadVideo
from apixo_wan_animate.utils.errors import WanAnimateError
from marks import (
    BUCKET_KEY,
    BUCKET_SECRET,
    HOOK_TOKEN,
    RESULT_SIGNATURE,
    found_below,
    found_in,
    spellings,
)
from open_bucket import OpenBucket
from pack_routes import serving
from secret_service import SECRET, SecretService

pytest.importorskip("obstore")

PICTURE = torch.rand(1, 216, 208, 3)
FRAMES = torch.rand(4, 208, 224, 3)
SOUND = {"waveform": torch.rand(1, 2, 4000) - 0.5, "sample_rate": 8000}
MARKS = {
    "the key": SECRET,
    "the bucket's key": BUCKET_KEY,
    "the bucket's secret": BUCKET_SECRET,
    "the token of a callback": HOOK_TOKEN,
    "the signature of a result": RESULT_SIGNATURE,
}
INPUTS = {
    "character": PICTURE, "character_mask": None, "motion": None, "motion_frames": FRAMES,
    "audio": SOUND, "frame_rate": 8.0, "type": "replace", "resolution": "480p", "prompt": "",
    "seed": 0, "provider": "key default", "host": "auto", "sound": "keep", "character_url": "",
    "motion_url": "",
}  # fmt: skip
FRAME_OPTIONS = {"decode_frames": True, "first_frame": 0, "frame_count": 0, "every_nth": 1,
                 "longest_side": 0}  # fmt: skip


@pytest.fixture
def bucket():
    with OpenBucket() as made:
        yield made


@pytest.fixture
def service(tmp_path):
    with SecretService(tmp_path / "theirs", signature=RESULT_SIGNATURE) as made:
        yield made


@pytest.fixture
def place(tmp_path, bucket, service, monkeypatch):
    """A host that works for real: a key, a bucket, a callback; all of them marked."""
    for name, value in {
        "APIXO_API_KEY": SECRET, "APIXO_BASE_URL": service.origin, "APIXO_WAN_PRACTICE": "0",
        "APIXO_WAN_STORE": "s3://bucket/prefix", "AWS_ENDPOINT_URL": bucket.origin,
        "AWS_ACCESS_KEY_ID": BUCKET_KEY, "AWS_SECRET_ACCESS_KEY": BUCKET_SECRET,
        "AWS_REGION": "us-east-1",
        "APIXO_WAN_CALLBACK": f"https://127.0.0.1:9/hook?token={HOOK_TOKEN}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    host.reset(tmp_path / "ours")
    yield tmp_path / "ours"
    session.stop_service()


def run(node, **inputs) -> str:
    """What a node shows and what it fails with, as the host would write it into its history."""
    try:
        output = asyncio.run(node.execute(**inputs))
    except WanAnimateError as error:
        return repr(error) + str(error)
    return json.dumps(output.ui)


def test_a_run_leaves_no_secret_anywhere(place, bucket, service, caplog, capfd, monkeypatch):
    caplog.set_level(logging.DEBUG)
    shown = [
        run(ApixoBalance), run(ApixoWanEstimate, **INPUTS),
        run(ApixoWanAnimate, **INPUTS, **FRAME_OPTIONS),
        run(ApixoWanAnimate, **INPUTS, **FRAME_OPTIONS),  # the second one is answered by the ledger
        run(ApixoUploadImage, image=PICTURE, host="auto"),
        run(ApixoUploadVideo, frames=FRAMES, frame_rate=8.0, host="auto", sound="keep"),
    ]  # fmt: skip
    assert "done" in shown[2]
    assert "reused" in shown[3]
    service.repeat = f"Bearer {SECRET} may not read {bucket.origin}/x?sig={BUCKET_SECRET}"
    shown.append(run(ApixoWanAnimate, **{**INPUTS, "seed": 1}, **FRAME_OPTIONS))
    monkeypatch.setenv("APIXO_API_KEY", SECRET + "x")
    shown.append(run(ApixoBalance))
    monkeypatch.setenv("APIXO_API_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    shown.append(run(ApixoUploadImage, image=PICTURE.roll(3, 1), host="auto"))
    marks = MARKS | uploads_signed(service)
    assert (place / "state" / "ledger.sqlite3-wal").exists()
    assert found_below(place, marks) == {}
    with serving() as server:
        answers = [server.get(PREFIX + path).text for path in ("/status", "/tasks", "/spending")]

    assert "may not read" in shown[6]
    assert "401" in shown[7]
    assert len(marks) >= len(MARKS) + 2
    assert service.submitted[0]["callback_url"].endswith(HOOK_TOKEN)
    seen = [*shown, *answers, caplog.text, *capfd.readouterr(), repr(host.state.texts),
            repr(host.state.events)]  # fmt: skip
    for text in seen:
        assert found_in(text.encode(), marks) == set(), text[:2000]
    assert len(list(place.rglob("*.mp4"))) == 1
    assert found_below(place, marks) == {}


def uploads_signed(service) -> dict[str, str]:
    """The signatures of the links that the service was given."""
    links = [
        url for body in service.submitted for kind in ("image_urls", "video_urls")
        for url in body["input"][kind]
    ]  # fmt: skip
    return {f"signature {n}": link.partition("X-Amz-Signature=")[2] for n, link in enumerate(links)}


def test_links_that_are_secret_by_their_path_are_not_kept_either(tmp_path, service, monkeypatch):
    """A link to a file that this ComfyUI publishes, and the address of its callback."""
    for name in ("APIXO_WAN_STORE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("APIXO_API_KEY", SECRET)
    monkeypatch.setenv("APIXO_BASE_URL", service.origin)
    monkeypatch.setenv("APIXO_WAN_PRACTICE", "0")
    monkeypatch.setenv("APIXO_WAN_CALLBACK", "1")
    host.reset(tmp_path / "ours")
    with serving() as server:
        monkeypatch.setenv("APIXO_WAN_PUBLIC_URL", server.origin)
        shown = run(ApixoWanAnimate, **INPUTS, **FRAME_OPTIONS)
        again = run(ApixoWanAnimate, **{**INPUTS, "seed": 5}, **FRAME_OPTIONS)
        assert "done" in shown
        assert "done" in again
        first, second = service.submitted
        assert first["input"]["image_urls"] == second["input"]["image_urls"], "sent once"
        (link,) = first["input"]["video_urls"]
        assert requests.get(link, timeout=60).status_code == 200
        marks = {
            "a published link": link.rsplit("/", 1)[-1].split(".")[2],
            "the token of our callback": first["callback_url"].rsplit("/", 1)[-1],
            "the signature of a result": RESULT_SIGNATURE,
        }
        assert min(map(len, marks.values())) >= 20
    assert found_below(tmp_path / "ours", marks) == {}


@pytest.mark.parametrize("mark", MARKS.values())
def test_the_search_finds_a_mark_in_every_form(tmp_path, mark):
    for number, way in enumerate(spellings(mark)):
        (tmp_path / f"{number}.bin").write_bytes(b"before " + way + b" after")
    assert len(found_below(tmp_path, {"it": mark})) == len(spellings(mark))
