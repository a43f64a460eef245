"""Media served by this ComfyUI itself: signed links in, files out, and nothing else ever.

The remote service is played by the practice service in a process of its own, so that the pack
takes the way of real hosting: it publishes, the service fetches through ComfyUI's own server.
"""

from __future__ import annotations

import os
import random
import string
import subprocess
import sys

import pytest
import requests
from graphs import small_clip, small_makers
from running_comfyui import PACK, error_of, install_pack, running, succeeded

pytestmark = pytest.mark.comfyui


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    """The practice service as a process; its origin."""
    folder = tmp_path_factory.mktemp("remote")
    command = [sys.executable, str(PACK / "scripts" / "practice_server.py"), "--port", "0",
               "--folder", str(folder)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture(scope="module")
def serving(tmp_path_factory, remote):
    base = tmp_path_factory.mktemp("serving")
    install_pack(base)
    environment = {
        "APIXO_BASE_URL": remote,
        "APIXO_API_KEY": "practice",
        "APIXO_WAN_PUBLIC_URL": "http://127.0.0.1:{port}",
        "APIXO_WAN_PRACTICE": "0",
    }
    with running(base, environment=environment) as comfy:
        yield comfy


def published(comfy) -> list[str]:
    folder = comfy.base / "user" / "__apixo_wan_animate" / "published"
    return sorted(p.name for p in folder.rglob("*") if p.suffix in {".png", ".jpg", ".mp4"})


def upload_link(comfy) -> str:
    """A link that the pack made, as a node gives it."""
    graph = small_makers() | {
        "3": {"class_type": "ApixoUploadImage",
              "inputs": {"image": ["11", 0], "host": "this ComfyUI"}},
        "4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}},
    }  # fmt: skip
    entry = comfy.run(graph)
    assert succeeded(entry), error_of(entry)
    return entry["outputs"]["4"]["text"][0]


def test_the_service_fetches_through_this_comfyui(serving):
    entry = serving.run(small_makers() | {"3": small_clip(seed=1, host="this ComfyUI")})
    assert succeeded(entry), error_of(entry)
    assert published(serving)


def test_the_same_media_are_not_published_twice(serving):
    before = published(serving)
    entry = serving.run(small_makers() | {"3": small_clip(seed=2, host="this ComfyUI")})
    assert succeeded(entry), error_of(entry)
    assert published(serving) == before


def test_a_link_gives_the_file_with_ranges_and_is_never_cached(serving):
    link = upload_link(serving)
    whole = requests.get(link, timeout=60)
    assert whole.status_code == 200
    assert whole.headers["Content-Type"] == "image/png"
    assert "no-store" in whole.headers["Cache-Control"]
    part = requests.get(link, headers={"Range": "bytes=1-3"}, timeout=60)
    assert part.status_code == 206
    assert part.content == whole.content[1:4]
    head = requests.head(link, timeout=60)
    assert int(head.headers["Content-Length"]) == len(whole.content)
    assert requests.get(link, headers={"Range": "bytes=99999999-"}, timeout=60).status_code == 416


def test_forged_links_and_other_methods_give_nothing(serving):
    link = upload_link(serving)
    route, token = link.rsplit("/", 1)
    rng = random.Random(4)
    letters = string.ascii_letters + string.digits + "-_."
    forged = [token[:-9], token[1:], token.swapcase(), "../" + token, "%2e%2e%2fledger.sqlite3",
              "..%2f..%2fcredentials.json", ""]  # fmt: skip
    count = int(os.environ.get("RANDOM_LINKS", "10000"))
    forged += ["".join(rng.choices(letters, k=len(token))) for _ in range(count)]
    answers = set()
    with requests.Session() as session:
        for name in forged:
            reply = session.get(f"{route}/{name}", timeout=60, allow_redirects=False)
            answers.add((reply.status_code, reply.content))
    assert {status for status, _ in answers} == {404}
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert requests.request(method, link, json={}, timeout=60).status_code in {403, 404, 405}
