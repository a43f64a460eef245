"""What the outside world may reach: published files, and the callback."""

from __future__ import annotations

import threading

import pytest
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.hosting.published import PublishedFiles
from apixo_wan_animate.utils.hosting.selfserved import ROUTE as PUBLISHED
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.tasks.fingerprint import token_digest
from patience import until
from route_rows import add_row, ledger_of


def publish(tmp_path, content: bytes, *, seconds: float = 60.0) -> str:
    clock = SystemClock()
    published = PublishedFiles(tmp_path / "state", clock)
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    ends = clock.now() + seconds
    name = published.publish(
        file, extension=".mp4", expires_at=ends + 60,
        progress=lambda *_: None, stop=threading.Event(),
    )  # fmt: skip
    token = published.token(name, expires_at=ends)
    assert token is not None
    return PUBLISHED + token


CONTENT = bytes(range(256)) * 3000


def test_a_published_file_comes_whole_to_whoever_has_its_link(server, tmp_path):
    reply = server.get(publish(tmp_path, CONTENT), headers={"Origin": "https://api.apixo.ai"})
    assert reply.status_code == 200
    assert reply.content == CONTENT
    assert reply.headers["Content-Type"] == "video/mp4"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-63", 0, 63), ("bytes=300000-", 300_000, 767_999), ("bytes=-9", 767_991, 767_999)],
)
def test_a_published_file_comes_in_ranges(server, tmp_path, asked, first, last):
    reply = server.get(publish(tmp_path, CONTENT), headers={"Range": asked})
    assert reply.status_code == 206
    assert reply.content == CONTENT[first : last + 1]
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/768000"


def test_a_head_tells_the_size_and_sends_nothing(server, tmp_path):
    reply = server.http.head(server.origin + publish(tmp_path, CONTENT), timeout=30)
    assert reply.status_code == 200
    assert reply.headers["Content-Length"] == "768000"
    assert reply.content == b""


def test_a_range_outside_is_416(server, tmp_path):
    reply = server.get(publish(tmp_path, CONTENT), headers={"Range": "bytes=900000-"})
    assert reply.status_code == 416


def test_everything_else_below_the_published_path_is_the_same_404(server, tmp_path):
    link = publish(tmp_path, CONTENT)
    ended = publish(tmp_path, CONTENT, seconds=-1)
    answers = [
        server.get(path)
        for path in (
            PUBLISHED, PUBLISHED + "x", link[:-1], link + "/", ended, link.replace(".mp4", ".png"),
            PUBLISHED + "%2e%2e%2fcredentials.json", PUBLISHED + "a/b/c",
        )
    ] + [
        server.http.request(method, server.origin + link, timeout=30)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS")
    ]  # fmt: skip
    assert {reply.status_code for reply in answers} == {404}
    assert len({reply.content for reply in answers}) == 1


def test_a_callback_with_the_token_of_a_row_is_taken_as_a_hint(server, tmp_path):
    ledger = ledger_of(tmp_path)
    row = add_row(ledger, 1, state=State.UNKNOWN, token_digest=token_digest("the-token"))
    body = {"code": 200, "message": "success", "data": {"taskId": "told-1", "state": "success"}}
    reply = server.post("/apixo_wan_animate/callback/the-token", body)
    assert reply.status_code == 200
    until(lambda: ledger.row(row.id).candidate == "told-1")
    assert ledger.row(row.id).state is State.UNKNOWN


@pytest.mark.parametrize("token", ["wrong", "x" * 500, "%00", "..%2f"])
def test_a_callback_with_another_token_is_nothing(server, tmp_path, token):
    ledger_of(tmp_path)
    body = {"code": 200, "data": {"taskId": "told-1"}}
    assert server.post(f"/apixo_wan_animate/callback/{token}", body).status_code == 404


def test_a_callback_is_small(server, tmp_path):
    ledger_of(tmp_path)
    reply = server.http.post(
        f"{server.origin}/apixo_wan_animate/callback/x", data=b"x" * 70_000, timeout=30
    )
    assert reply.status_code == 413
