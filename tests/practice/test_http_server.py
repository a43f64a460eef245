"""HTTP/1.1 in a bounded number of threads, and the files behind it."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import ExitStack

import pytest
import requests
from apixo_wan_animate.utils.practice import http_server
from apixo_wan_animate.utils.practice.wire import Reply

from .caller import API, KEY, body

BALANCE = f"{API}/apikeys/current-balance"


def talk(client, text, *, size=65536):
    """Send raw bytes on a connection of its own, read until it is closed."""
    with socket.create_connection(address(client), timeout=60) as connection:
        connection.sendall(text)
        parts = []
        while part := connection.recv(size):
            parts.append(part)
        return b"".join(parts)


def address(client):
    host, _, port = client.origin.removeprefix("http://").partition(":")
    return host, int(port)


def head(client, line, *more):
    return "\r\n".join([line, f"Host: {client.origin[7:]}", *more, "", ""]).encode()


@pytest.fixture
def stored(client, tmp_path):
    """1000 bytes at a URL."""
    (tmp_path / "data.mp4").write_bytes(bytes(range(250)) * 4)
    return client.put(tmp_path / "data.mp4", "abc-1.mp4")


@pytest.fixture
def opened():
    """Open connections that are closed at the end."""
    with ExitStack() as stack:

        def connect(client):
            connection = socket.create_connection(address(client), timeout=60)
            return stack.enter_context(connection)

        yield connect


def asked_for_balance(connection, client):
    """Ask on an open connection; True when it was answered."""
    line = head(client, f"GET {BALANCE} HTTP/1.1", "Authorization: Bearer practice")
    connection.sendall(line)
    return b'"data": 100.0}' in connection.recv(4096)


def test_hundreds_of_open_connections_cost_no_thread(client, opened):
    before = set(threading.enumerate())
    sockets = [opened(client) for _ in range(300)]
    assert all(asked_for_balance(connection, client) for connection in sockets)
    assert not set(threading.enumerate()) - before


def test_when_no_more_can_be_watched_the_oldest_idle_one_is_closed(serve, opened, monkeypatch):
    monkeypatch.setattr(http_server, "_MOST_WATCHED", 12)
    client = serve()
    sockets = [opened(client)]
    for _ in range(30):
        assert asked_for_balance(sockets[-1], client)
        sockets.append(opened(client))
    assert sockets[0].recv(10) == b""
    assert asked_for_balance(sockets[-1], client)


def test_a_connection_is_kept_and_requests_may_come_at_once(client):
    line = head(client, f"GET {BALANCE} HTTP/1.1", "Authorization: Bearer practice")
    last = head(client, "GET /none HTTP/1.1", "Connection: close")
    answer = talk(client, line * 3 + last)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.count(b"HTTP/1.1 404") == 1


def test_a_client_that_waits_for_100_continue_gets_it(client):
    content = b"x" * 5
    lines = head(
        client, "PUT /upload/a1.png HTTP/1.1", "Content-Length: 5", "Expect: 100-continue",
        "Connection: close",
    )  # fmt: skip
    with socket.create_connection(address(client), timeout=60) as connection:
        connection.sendall(lines)
        assert connection.recv(4096).startswith(b"HTTP/1.1 100")
        connection.sendall(content)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"BREW / HTTP/1.1\r\n\r\n", b"501"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
    ],
)
def test_nonsense_is_refused_and_the_service_lives_on(client, text, status):
    assert status in talk(client, text).split(b"\r\n")[0]
    assert client.status("x").status_code == 404


def test_slow_and_silent_clients_stop_nobody(client, opened):
    for _ in range(20):
        opened(client)
    began = time.monotonic()
    assert client.status("x").status_code == 404
    assert time.monotonic() - began < 20  # a client is waited for 30 s


def test_stop_ends_threads_also_in_the_middle_of_a_request(serve):
    before = set(threading.enumerate())
    client = serve()
    with socket.create_connection(address(client)) as connection:
        connection.sendall(head(client, "PUT /upload/a1.png HTTP/1.1", "Content-Length: 5000"))
        while client.service.counts["upload"] == 0:
            time.sleep(0.005)
        began = time.monotonic()
        client.service.stop()
        assert time.monotonic() - began < 20  # a client is waited for 30 s
    assert not set(threading.enumerate()) - before
    with pytest.raises(OSError):
        requests.get(client.origin, timeout=2)


def test_a_stopped_service_leaves_no_half_upload(serve, tmp_path):
    client = serve()
    with socket.create_connection(address(client)) as connection:
        line = head(client, "PUT /upload/a1.png HTTP/1.1", "Content-Length: 5000")
        connection.sendall(line + b"x" * 100)
        while client.service.counts["upload"] == 0:
            time.sleep(0.005)
    client.service.stop()
    assert list((tmp_path / "practice-0").iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=990-", 206, 990, 1000),
        ("bytes=990-5000", 206, 990, 1000),
        ("bytes=-10", 206, 990, 1000),
        ("bytes=-5000", 206, 0, 1000),
        ("bytes=1-2,5-6", 200, 0, 1000),
        ("lines=1-2", 200, 0, 1000),
        ("bytes=-", 200, 0, 1000),
        ("bytes=9-5", 416, 0, 0),
        ("bytes=1000-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
def test_ranges_are_served(client, stored, asked, status, start, end):
    reply = client.http.get(stored, headers={"Range": asked})
    assert reply.status_code == status
    assert reply.content == (bytes(range(250)) * 4)[start:end]
    if status == 206:
        assert reply.headers["Content-Range"] == f"bytes {start}-{end - 1}/1000"
    if status == 416:
        assert reply.headers["Content-Range"] == "bytes */1000"


def test_a_range_of_another_version_gives_the_whole(client, stored):
    tag = client.http.head(stored).headers["ETag"]
    same = client.http.get(stored, headers={"Range": "bytes=1-1", "If-Range": tag})
    other = client.http.get(stored, headers={"Range": "bytes=1-1", "If-Range": '"old"'})
    assert (same.status_code, other.status_code) == (206, 200)


def test_head_tells_the_length_and_nothing_else(client, stored):
    reply = client.http.head(stored)
    assert (reply.headers["Content-Length"], reply.headers["Accept-Ranges"]) == ("1000", "bytes")


@pytest.mark.parametrize(
    "path",
    ["/files/../secret.png", "/files/%2e%2e%2fsecret.png", "/files/..%5csecret.png", "/files/",
     "/files/a", "/files/a.png/b.png", "/files/%00.png", "/files/.png", "/files//etc/passwd"],
)  # fmt: skip
def test_nothing_outside_the_folder_is_read(client, tmp_path, path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    answer = talk(client, head(client, f"GET {path} HTTP/1.1", "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "name", ["../a.png", "a", ".png", "a.html5", "a b.png", "a/b.png", "ä.png"]
)
def test_an_upload_needs_a_plain_name(client, tmp_path, name):
    reply = client.http.put(f"{client.origin}/upload/" + requests.utils.quote(name, safe=""), b"x")
    assert reply.status_code == 400
    assert list((tmp_path / "practice-0").iterdir()) == []


def test_an_upload_needs_a_length(client):
    url = f"{client.origin}/upload/a1.png"
    assert client.http.put(url, data=iter([b"x", b"y"])).status_code == 411
    assert client.http.put(url, data=b"").status_code == 400
    lines = head(client, "PUT /upload/a1.png HTTP/1.1", "Content-Length: 9000000000")
    assert talk(client, lines).startswith(b"HTTP/1.1 413")


def test_a_large_upload_is_streamed_and_can_be_deleted(client, tmp_path):
    part = os.urandom(1_000_000)
    (tmp_path / "large.mp4").write_bytes(part * 30)
    url = client.put(tmp_path / "large.mp4")
    assert client.http.get(url).content == part * 30
    assert client.http.delete(url).status_code == 204
    assert client.http.get(url).status_code == 404
    assert client.http.delete(url).status_code == 404


def test_a_submit_larger_than_any_is_refused(client):
    reply = client.submit(body(prompt="x" * 300_000))
    assert reply.status_code == 413


def test_an_error_in_the_hook_ends_a_connection_and_no_thread(serve):
    def hook(request, route, handle):
        if route == "balance":
            raise RuntimeError("a mistake in a test")
        return handle()

    client = serve(faults=hook, request_threads=1)
    for _ in range(3):
        with pytest.raises(OSError):
            client.http.get(client.origin + BALANCE, headers=KEY)
    assert client.status("x").status_code == 404


def test_a_reply_says_how_long_it_is():
    assert Reply(body=b"abc").size_bytes == 3
