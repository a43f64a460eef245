"""A cut download goes on where it was, or starts over where the rest may be of another file."""

from __future__ import annotations

import pytest
from apixo_wan_animate.utils.errors import NotSentError, TransportError
from apixo_wan_animate.utils.transport import Transport
from clocks import RealtimeClock
from rawserver import Asked, Wire, answering, reply_bytes
from served_file import FILE, OTHER, begin_of, host, part, same, whole


@pytest.fixture
def transport() -> Transport:
    return Transport(RealtimeClock())


def test_a_cut_goes_on_with_a_range_of_the_same_version(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        if number == 0:
            wire.send(whole(upto=123_456, ETag='"v1"'))
            wire.close()
        else:
            wire.send(part(begin_of(asked)))

    server = serve(host(one))
    assert same(fetch(server))
    assert server.requests[1].headers["range"] == "bytes=123456-"
    assert server.requests[1].headers["if-range"] == '"v1"'
    assert len(server.requests) == 2


def test_many_cuts_go_on_as_long_as_each_brings_something(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        start = begin_of(asked)
        send = whole(upto=20_000, ETag='"v1"') if number == 0 else part(start, upto=start + 20_000)
        wire.send(send)
        wire.close()

    server = serve(host(one))
    assert same(fetch(server))
    assert len(server.requests) >= 15


def test_a_date_serves_where_there_is_no_tag(serve, fetch):
    date = "Mon, 23 Nov 2026 10:00:00 GMT"

    def one(wire: Wire, asked: Asked, number: int) -> None:
        if number == 0:
            wire.send(whole(upto=50_000, ETag='W/"weak"', Last_Modified=date))
            wire.close()
        else:
            wire.send(part(begin_of(asked), tag='W/"weak"'))

    server = serve(host(one))
    assert same(fetch(server))
    assert server.requests[1].headers["if-range"] == date


def test_without_anything_to_tell_versions_apart_it_starts_over(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        wire.send(whole(OTHER if number == 0 else FILE, upto=50_000 if number == 0 else None))
        wire.close()

    server = serve(host(one))
    assert same(fetch(server))
    assert "range" not in server.requests[1].headers


def test_a_file_that_changed_between_two_attempts_starts_over(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        if number == 0:
            wire.send(whole(OTHER, upto=50_000, ETag='"v1"'))
            wire.close()
        else:  # an honest host: If-Range does not match, so the whole comes
            wire.send(whole(ETag='"v2"'))

    server = serve(host(one))
    assert same(fetch(server))
    assert len(server.requests) == 2


def test_a_host_that_goes_on_with_another_version_is_not_believed(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        if number == 0:
            wire.send(whole(OTHER, upto=50_000, ETag='"v1"'))
            wire.close()
        elif "range" in asked.headers:
            wire.send(part(begin_of(asked), tag='"v2"'))
        else:
            wire.send(whole(ETag='"v2"'))

    assert same(fetch(serve(host(one))))


def test_a_host_that_goes_on_with_another_size_is_not_believed(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        if number == 0:
            wire.send(whole(OTHER[:200_000], upto=50_000, ETag='"v1"'))
            wire.close()
        elif "range" in asked.headers:
            wire.send(part(begin_of(asked)))
        else:
            wire.send(whole(ETag='"v1"'))

    assert same(fetch(serve(host(one))))


@pytest.mark.parametrize("start", [0, 49_999, 50_001, 299_000])
def test_a_host_that_goes_on_elsewhere_is_not_believed(serve, fetch, start):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        if number == 0:
            wire.send(whole(upto=50_000, ETag='"v1"'))
            wire.close()
        elif "range" in asked.headers:
            wire.send(part(start))
        else:
            wire.send(whole(ETag='"v1"'))

    assert same(fetch(serve(host(one))))


def test_a_host_that_ignores_the_range_is_read_from_the_start(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        wire.send(whole(upto=50_000 if number == 0 else None, ETag='"v1"'))
        wire.close()

    assert same(fetch(serve(host(one))))


def test_a_range_that_is_impossible_starts_over(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        if number == 0:
            wire.send(whole(upto=50_000, ETag='"v1"'))
            wire.close()
        elif "range" in asked.headers:
            wire.send(reply_bytes(416, b"", Content_Range="bytes */300007"))
        else:
            wire.send(whole(ETag='"v1"'))

    assert same(fetch(serve(host(one))))


def test_a_part_that_nobody_asked_for_is_completed_or_asked_for_again(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        start = begin_of(asked)
        upto = 100_000 if number == 0 else len(FILE)
        where = f"bytes {start}-{upto - 1}/{len(FILE)}"
        wire.reply(206, FILE[start:upto], Content_Range=where, ETag='"v1"')

    assert same(fetch(serve(host(one))))


def test_a_chunked_file_that_is_cut_starts_over(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.send(b"%x\r\n" % len(FILE) + (FILE[:5000] if number == 0 else FILE + b"\r\n"))
        if number == 0:
            wire.close()
        else:
            wire.send(b"0\r\n\r\n")

    server = serve(host(one))
    assert same(fetch(server))
    assert len(server.requests) == 2


def test_a_host_that_is_gone_for_a_moment_is_waited_for(serve, fetch):
    def script(wire: Wire) -> None:
        if wire.number < 3:
            wire.reset()
            return
        wire.request()
        wire.send(whole())

    assert same(fetch(serve(script)))


def test_cuts_that_bring_nothing_new_end_it(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        wire.send(whole(upto=1000) if number % 2 else whole(upto=900))
        wire.close()

    server = serve(host(one))
    with pytest.raises(TransportError, match="broke off after 1000 of 300007"):
        fetch(server)
    assert len(server.requests) <= 10


def test_cuts_end_it_even_where_each_brings_a_byte(serve, fetch):
    def one(wire: Wire, asked: Asked, number: int) -> None:
        start = begin_of(asked)
        wire.send(part(start, upto=start + 1) if start else whole(upto=1, ETag='"v1"'))
        wire.close()

    server = serve(host(one))
    with pytest.raises(TransportError):
        fetch(server)
    assert len(server.requests) <= 50


def test_a_host_that_is_not_there_was_not_reached(fetch, serve):
    server = serve(answering(whole()))
    server.close()
    with pytest.raises(NotSentError):
        fetch(server)
