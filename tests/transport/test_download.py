"""A file comes down whole, or there is an error; and nothing else passes for it."""

from __future__ import annotations

import gzip
import threading
import time
import traceback
import tracemalloc

import pytest
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.errors import (
    InputError,
    Stopped,
    TransportError,
)
from apixo_wan_animate.utils.transport import RefusedLinkError, Transport
from clocks import RealtimeClock
from patience import one_of_three
from rawserver import Asked, Wire, answering, reply_bytes
from served_file import FILE, LIMIT, begin_of, host, part, same, whole
from stopping import felt_after_s

SECRET = "5ecret"


@pytest.fixture
def transport() -> Transport:
    return Transport(RealtimeClock())


def test_a_file_comes_down_to_the_byte(serve, fetch):
    server = serve(answering(whole(ETag='"v1"')))
    assert same(fetch(server))
    assert "range" not in server.requests[0].headers
    assert "authorization" not in server.requests[0].headers


def test_progress_tells_bytes_and_the_whole(serve, fetch):
    told: list[tuple[int, int | None]] = []
    fetch(serve(answering(whole())), progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, len(FILE))
    assert told[-1] == (len(FILE), len(FILE))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_whole_that_is_not_announced_is_told_as_none(serve, fetch):
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + FILE)

    told: list[int | None] = []
    assert same(fetch(serve(script), progress=lambda done, total: told.append(total)))
    assert set(told) == {None}


def test_a_part_of_before_is_written_over(serve, fetch, tmp_path):
    (tmp_path / "result.mp4.part").write_bytes(b"old" * 500_000)
    server = serve(answering(whole()))
    assert same(fetch(server))
    assert "range" not in server.requests[0].headers


def test_a_body_longer_than_announced_is_taken_at_its_word(serve, fetch):
    server = serve(answering(reply_bytes(200, FILE + b"more", length=len(FILE))))
    assert same(fetch(server))


# What is not the file


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410, 416, 429, 451])
def test_a_refused_link_says_with_what_and_is_not_asked_again(serve, fetch, status):
    server = serve(answering(reply_bytes(status, b"<Error/>" if status > 399 else b"")))
    with pytest.raises(RefusedLinkError) as caught:
        fetch(server, f"/r.mp4?sig={SECRET}")
    assert caught.value.status == status
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert len(server.requests) == 1


def test_a_host_that_stays_in_trouble_refuses(serve, fetch):
    server = serve(answering(reply_bytes(503)))
    with pytest.raises(RefusedLinkError) as caught:
        fetch(server)
    assert caught.value.status == 503
    assert 2 <= len(server.requests) <= 5


@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_page_is_not_the_file(serve, fetch, kind):
    server = serve(answering(reply_bytes(200, b"<html>log in</html>", Content_Type=kind)))
    with pytest.raises(RefusedLinkError, match="web page"):
        fetch(server)


def test_an_empty_file_is_not_one(serve, fetch):
    with pytest.raises(TransportError):
        fetch(serve(answering(reply_bytes(200, b""))))


def test_a_file_announced_beyond_the_limit_is_not_even_read(serve, fetch):
    server = serve(answering(reply_bytes(200, b"", length=LIMIT + 1)))
    with pytest.raises(TransportError, match="larger than"):
        fetch(server)


def test_a_file_that_grows_beyond_the_limit_is_cut_off(serve, fetch, tmp_path):
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not wire.server.ending.is_set():
            wire.send(b"z" * 65536)

    with pytest.raises(TransportError, match="larger than"):
        fetch(serve(script), limit_bytes=1_000_000)
    assert (tmp_path / "result.mp4.part").stat().st_size <= 1_000_000


def test_a_file_of_exactly_the_limit_comes_down(serve, fetch):
    assert same(fetch(serve(answering(whole())), limit_bytes=len(FILE)))


def test_a_compressed_file_comes_down_as_it_was(serve, fetch):
    packed = gzip.compress(FILE)

    def one(wire: Wire, asked: Asked, number: int) -> None:
        upto = 1000 if number == 0 else None
        wire.send(whole(packed, upto=upto, Content_Encoding="gzip", ETag='"v1"'))
        wire.close()

    server = serve(host(one))
    assert same(fetch(server))
    assert "range" not in server.requests[1].headers


def test_a_bomb_of_a_file_is_not_unpacked(serve, fetch, tmp_path):
    bomb = gzip.compress(b" " * 100_000_000)
    server = serve(answering(reply_bytes(200, bomb, Content_Encoding="gzip")))
    with pytest.raises(RefusedLinkError):
        fetch(server, limit_bytes=1_000_000)
    assert (tmp_path / "result.mp4.part").stat().st_size <= 1_000_000


def test_a_trace_of_an_upload_in_the_encoding_does_no_harm(serve, fetch):
    server = serve(answering(whole(Content_Encoding="aws-chunked")))
    assert same(fetch(server))


def test_a_redirect_is_followed_and_gone_through_again_after_a_cut(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        start = begin_of(asked)
        wire.send(part(start) if start else whole(upto=50_000, ETag='"v1"'))
        wire.close()

    there = serve(host(one))
    here = serve(answering(reply_bytes(302, b"", Location=f"{there.origin}/x?sig=1")))
    assert same(fetch(here))
    assert len(here.requests) == 2
    assert there.requests[1].headers["range"] == "bytes=50000-"


def test_a_redirect_inside_is_refused(serve, fetch):
    there = serve(answering(whole()))
    here = serve(answering(reply_bytes(302, b"", Location=there.origin)))
    with pytest.raises(InputError):
        fetch(here, rule=AddressRule(exempt=frozenset({here.origin})))
    assert there.connections == 0


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://h/x", "/etc/passwd", "http://10.0.0.1/"]
)
def test_a_link_that_is_none_is_refused(transport, tmp_path, public, url):
    with pytest.raises(InputError):
        transport.download(url, tmp_path / "x", limit_bytes=9, rule=public)


# Waiting


def drip(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300007\r\n\r\n" + FILE[:70_000])
    wire.drip(FILE[70_000:], every_s=0.05)


def silent(wire: Wire) -> None:
    wire.request()
    wire.linger()


def cutting(wire: Wire) -> None:
    wire.request()
    wire.reset()


@pytest.mark.parametrize("script", [drip, silent, cutting])
def test_a_stop_is_felt_within_half_a_second(serve, tmp_path, loopback, script):
    class SlowClock(RealtimeClock):
        def wait(self, stop: threading.Event, delay_s: float) -> bool:
            return stop.wait(30)

    def attempt() -> float:
        server, slow = serve(script), Transport(SlowClock())
        return felt_after_s(
            lambda stop: slow.download(
                server.origin, tmp_path / "x", limit_bytes=LIMIT, rule=loopback, stop=stop
            ),
            once=lambda: server.requests,
            then_s=0.15,
        )

    one_of_three(attempt, within_s=0.5)


def test_a_stop_before_the_start_sends_nothing(serve, fetch):
    server = serve(answering(whole()))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        fetch(server, stop=stop)
    assert server.connections == 0


def test_a_file_that_only_drips_is_given_up(serve, fetch, monkeypatch):
    from apixo_wan_animate.utils.transport import watch

    monkeypatch.setattr(watch, "_PACE_WINDOW_S", 0.3)

    def attempt() -> float:
        server = serve(drip)
        began = time.monotonic()
        with pytest.raises(TransportError):
            fetch(server)
        return time.monotonic() - began

    one_of_three(attempt, within_s=10.0)


def endless_trailers(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n")
    while not wire.server.ending.is_set():
        wire.send(b"X-More: yes\r\n" * 5000)


def endless_continue(wire: Wire) -> None:
    wire.request()
    while not wire.server.ending.is_set():
        wire.send((b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 60_000 + b"\r\n\r\n") * 4)


def endless_trouble(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n")
    while not wire.server.ending.is_set():
        wire.send(b" " * 65536)


@pytest.mark.parametrize("script", [endless_trailers, endless_continue, endless_trouble])
def test_a_host_that_talks_for_ever_without_content_is_left(serve, fetch, script):
    server = serve(script)
    tracemalloc.start()
    try:
        with pytest.raises(TransportError):
            fetch(server)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert server.connections <= 4


def test_a_disk_that_refuses_is_not_taken_for_the_network(serve, transport, tmp_path, loopback):
    server = serve(answering(whole()))
    with pytest.raises(OSError, match="directory"):
        transport.download(server.origin, tmp_path / "no" / "x", limit_bytes=LIMIT, rule=loopback)


def test_a_large_file_is_never_whole_in_memory(serve, fetch):
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n")
        block = b"z" * 64_000
        for _ in range(1000):
            wire.send(block)

    server = serve(script)
    tracemalloc.start()
    try:
        with pytest.raises(AssertionError, match="measured"):
            fetch(server, limit_bytes=10**9, progress=_measure_at(64_000_000))
    finally:
        tracemalloc.stop()


def _measure_at(size_bytes: int):
    """A progress that looks at the memory when all has come, and leaves."""

    def progress(done: int, total: int | None) -> None:
        if done == size_bytes:
            assert tracemalloc.get_traced_memory()[1] < 3_000_000
            raise AssertionError("measured")

    return progress
