"""Small reads: whole or an error, within their time, repeated only where nothing came back."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
import zlib
from email.utils import formatdate
from threading import Event

import pytest
from apixo_wan_animate.utils.errors import NotSentError, Stopped, TransportError
from patience import one_of_three
from rawserver import Wire, answering, reply_bytes
from stopping import felt_after_s

JSON = b'{"code":200}'
PACKED = gzip.compress(JSON, mtime=0)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_handed_to_the_caller_and_the_key_stays_here(transport, serve, status):
    elsewhere = serve(answering(reply_bytes(200, JSON)))
    server = serve(answering(reply_bytes(status, b"", Location=elsewhere.origin)))
    reply = transport.get(server.origin, headers={"Authorization": "Bearer k"})
    assert reply.status == status
    assert elsewhere.connections == 0


def test_a_connection_is_used_again(transport, serve):
    server = serve(answering(reply_bytes(200, JSON)))
    for _ in range(5):
        assert transport.get(f"{server.origin}/x").body == JSON
    assert (server.connections, len(server.requests)) == (1, 5)


def test_many_threads_at_once_each_get_their_own_answer(transport, serve):
    def script(wire: Wire) -> None:
        while (asked := wire.request()) is not None:
            wire.reply(200, asked.target.encode())

    server = serve(script)
    wrong: list[object] = []

    def ask(number: int) -> None:
        for turn in range(20):
            target = f"/{number}/{turn}"
            if (body := transport.get(server.origin + target).body) != target.encode():
                wrong.append((target, body))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert server.connections <= 12


def test_a_read_on_a_connection_that_has_died_meanwhile_is_repeated(transport, serve):
    def script(wire: Wire) -> None:
        if wire.request() is not None:
            wire.reply(200, JSON)
        if wire.number == 0:
            wire.request()
            wire.reset()
        wire.request()
        wire.reply(200, JSON)

    server = serve(script)
    assert transport.get(server.origin).body == JSON
    assert transport.get(server.origin).body == JSON


def test_a_read_that_never_comes_through_ends(transport, serve):
    server = serve(lambda wire: (wire.request(), wire.reset()))
    with pytest.raises(TransportError) as caught:
        transport.get(server.origin)
    assert not isinstance(caught.value, NotSentError)
    assert 2 <= server.connections <= 4


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_told_and_not_obeyed_here(transport, serve, status):
    def attempt() -> float:
        server = serve(answering(reply_bytes(status, b"", Retry_After="7")))
        began = time.monotonic()
        reply = transport.get(server.origin)
        took_s = time.monotonic() - began
        assert (reply.status, reply.retry_after_s) == (status, 7.0)
        assert len(server.requests) == 1
        return took_s

    one_of_three(attempt, within_s=2.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": " 12 "}, 12.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 5000}, None),
        ({"Retry-After": "999999999"}, 86400.0),
        ({"Retry-After": formatdate(90, usegmt=True)}, 90.0),
        ({"Retry-After": formatdate(90)}, 90.0),
        ({"Retry-After": formatdate(90, usegmt=True), "Date": formatdate(70, usegmt=True)}, 20.0),
        ({"Retry-After": formatdate(60, usegmt=True), "Date": formatdate(70, usegmt=True)}, 0.0),
        ({"Retry-After": "Thu, 99 Foo 2026 25:61:61 GMT"}, None),
        ({"Retry-After": "Thursday, 01-Jan-70 00:01:30 GMT"}, 90.0),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(headers, seconds):
    from apixo_wan_animate.utils.transport.retry_after import retry_after_s

    assert retry_after_s({n.lower(): v for n, v in headers.items()}, now=0.0) == seconds


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", PACKED),
        ("x-gzip", PACKED),
        ("deflate", zlib.compress(JSON)),
        ("deflate", zlib.compress(JSON)[2:-4]),
        ("identity", JSON),
        ("aws-chunked", JSON),
        (" , GZIP", PACKED),
    ],
)
def test_a_compression_that_was_not_asked_for_is_undone(transport, serve, encoding, body):
    server = serve(answering(reply_bytes(200, body, Content_Encoding=encoding)))
    assert transport.get(server.origin).body == JSON
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", JSON),
        ("gzip", PACKED[:-1]),
        ("gzip, gzip", gzip.compress(PACKED, mtime=0)),
        ("br", JSON),
        ("zstd", JSON),
        ("deflate", b"\xff\xff\xff"),
    ],
)
def test_a_compression_that_cannot_be_undone_is_an_error(transport, serve, encoding, body):
    server = serve(answering(reply_bytes(200, body, Content_Encoding=encoding)))
    with pytest.raises(TransportError):
        transport.get(server.origin)


def test_an_empty_reply_that_is_called_compressed_is_empty(transport, serve):
    server = serve(answering(reply_bytes(200, b"", Content_Encoding="gzip")))
    assert transport.get(server.origin).body == b""


def test_a_reply_of_exactly_the_limit_is_whole_and_one_byte_more_is_too_much(transport, serve):
    server = serve(answering(reply_bytes(200, b"x" * 1000)))
    assert len(transport.get(server.origin, limit_bytes=1000).body) == 1000
    with pytest.raises(TransportError, match="larger"):
        transport.get(server.origin, limit_bytes=999)


def test_a_bomb_is_not_unpacked(transport, serve):
    import tracemalloc

    bomb = gzip.compress(b" " * 100_000_000)
    server = serve(answering(reply_bytes(200, bomb, Content_Encoding="gzip")))
    tracemalloc.start()
    try:
        with pytest.raises(TransportError):
            transport.get(server.origin, limit_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", ["abc", "-5", "1e3", "", "99999999999999999999999"])
def test_a_length_that_is_no_number_is_as_good_as_none(transport, serve, length):
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + JSON)

    with contextlib.suppress(TransportError):
        assert transport.get(serve(script).origin).body in {JSON, b""}


def drip_headers(wire: Wire) -> None:
    wire.request()
    wire.drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 3000, every_s=0.05)


def drip_body(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n")
    wire.drip(b" " * 3000, every_s=0.05)


def say_nothing(wire: Wire) -> None:
    wire.request()
    wire.linger()


@pytest.mark.parametrize("script", [drip_headers, drip_body, say_nothing])
def test_a_slow_reply_ends_at_its_limit_and_is_not_asked_for_again(transport, serve, script):
    def attempt() -> float:
        server = serve(script)
        began = time.monotonic()
        with pytest.raises(TransportError):
            transport.get(server.origin, timeout_s=0.5)
        took_s = time.monotonic() - began
        assert took_s > 0.4
        assert server.dialled() == 1
        return took_s

    one_of_three(attempt, within_s=1.8)


@pytest.mark.parametrize("script", [drip_headers, drip_body, say_nothing])
def test_a_stop_is_felt_within_half_a_second_wherever_the_reply_hangs(transport, serve, script):
    def attempt() -> float:
        server = serve(script)
        return felt_after_s(
            lambda stop: transport.probe(server.origin, rule=None, first_bytes=4000, stop=stop),
            once=lambda: server.requests,
        )

    one_of_three(attempt, within_s=0.5)


def test_a_stop_between_two_attempts_is_felt_too(transport, serve):
    stop = Event()

    def script(wire: Wire) -> None:
        wire.request()
        stop.set()
        wire.reset()

    server = serve(script)
    with pytest.raises(Stopped):
        transport.probe(server.origin, rule=None, first_bytes=4000, stop=stop)
    assert server.connections == 1


def test_two_headers_of_one_name_and_odd_ones_do_no_harm(transport, serve):
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-A: 1\r\nX-A: 2\r\n"
            b"no colon here\r\nX-B: \xff\xfe\r\n\r\n" + JSON
        )

    with contextlib.suppress(TransportError):
        assert transport.get(serve(script).origin).status == 200
