"""The request that costs money: at most one on the wire, and its fate told exactly."""

from __future__ import annotations

import gzip
import logging
import ssl
import time
import traceback
from pathlib import Path

import pytest
from apixo_wan_animate.utils.errors import NotSentError, TransportError
from patience import one_of_three
from rawserver import Wire, answering, reply_bytes

KEY = "sk-test-0123456789abcdef"
QUERY = "sig=5ecret5ignature"
BODY = {"request_type": "async", "input": {"image_urls": [f"https://cdn.example/a.png?{QUERY}"]}}
BOMB = gzip.compress(b" " * 50_000_000)  # less than 100 kB
GOOD = b'{"code":200,"data":{"taskId":"t-1"}}'


def post(transport, origin: str, *, timeout_s: float = 60.0, limit_bytes: int = 100_000):
    return transport.post_once(
        f"{origin}/api/generate?{QUERY}",
        headers={"Authorization": f"Bearer {KEY}"},
        json_body=BODY,
        timeout_s=timeout_s,
        limit_bytes=limit_bytes,
    )


def assert_hidden(error: BaseException) -> None:
    """Neither the message nor the whole chain, as ComfyUI logs it, shows a secret."""
    shown = "".join(traceback.format_exception(type(error), error, None)) + repr(error)
    for secret in (KEY, "5ecret", "sig="):
        assert secret not in shown


# What is cut, late or garbled after the connection was made: the fate is open, and nothing leaves
# a second time.


def reset_unread(wire: Wire) -> None:
    wire.sock.recv(1)
    wire.reset()


def reset_after_request(wire: Wire) -> None:
    wire.request()
    wire.reset()


def close_after_request(wire: Wire) -> None:
    wire.request()


def cut_in_the_status_line(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 2")


def cut_in_the_headers(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 36\r\nX-Hal")
    wire.reset()


def cut_in_the_body(wire: Wire) -> None:
    wire.request()
    wire.reply(200, GOOD[:20], length=len(GOOD))


def reset_in_the_body(wire: Wire) -> None:
    wire.request()
    wire.reply(200, GOOD[:20], length=len(GOOD))
    time.sleep(0.05)
    wire.reset()


def cut_in_a_chunk(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n24\r\n" + GOOD[:20])


def garbled_chunks(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD)


def not_http(wire: Wire) -> None:
    wire.request()
    wire.send(b"SSH-2.0-OpenSSH_9.6\r\n")


def silence(wire: Wire) -> None:
    wire.request()
    wire.linger()


def endless_headers(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        wire.send(b"X-%d: %s\r\n" % (number, b"y" * 500))


def one_endless_header(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(10_000):
        wire.send(b"y" * 10_000)


def dripping_headers(wire: Wire) -> None:
    wire.request()
    wire.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 1000, every_s=0.1)


def dripping_body(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    wire.drip(b" " * 1000, every_s=0.1)


def dripping_chunks(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(200):
        wire.drip(b"1\r\n \r\n", every_s=0.02)


def endless_continue(wire: Wire) -> None:
    wire.request()
    for _ in range(200):
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if wire.server.ending.wait(0.05):
            return


def huge_body(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(10_000):
        wire.send(b" " * 65536)


def gzip_bomb(wire: Wire) -> None:
    wire.request()
    wire.reply(200, BOMB, Content_Encoding="gzip")


def damaged_gzip(wire: Wire) -> None:
    wire.request()
    wire.reply(200, gzip.compress(GOOD)[:-9] + b"x", Content_Encoding="gzip")


def unasked_encoding(wire: Wire) -> None:
    wire.request()
    wire.reply(200, GOOD, Content_Encoding="br")


OPEN_FATES = [
    reset_unread, reset_after_request, close_after_request, cut_in_the_status_line,
    cut_in_the_headers, cut_in_the_body, reset_in_the_body, cut_in_a_chunk, garbled_chunks,
    not_http, silence, endless_headers, one_endless_header, dripping_headers, dripping_body,
    dripping_chunks, endless_continue, huge_body, gzip_bomb, damaged_gzip, unasked_encoding,
]  # fmt: skip
HANGING = [silence, dripping_headers, dripping_body, dripping_chunks, endless_continue]


@pytest.mark.parametrize("script", OPEN_FATES, ids=lambda script: script.__name__)
def test_a_reply_that_is_lost_or_garbled_leaves_the_fate_open_and_is_not_sent_again(
    transport, serve, limits_pass_once, script
):
    def attempt() -> float:
        server = serve(script)
        limits_pass_once(lambda: script in HANGING and server.requests)
        began = time.monotonic()
        with pytest.raises(TransportError) as caught:
            post(transport, server.origin)
        took_s = time.monotonic() - began
        assert not isinstance(caught.value, NotSentError)
        assert server.dialled() == 1
        assert len(server.requests) <= 1
        assert_hidden(caught.value)
        return took_s

    one_of_three(attempt, within_s=3.0)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("script", OPEN_FATES[:12], ids=lambda script: script.__name__)
def test_the_same_holds_over_tls(transport, serve, tls, limits_pass_once, script):
    server = serve(script, tls)
    limits_pass_once(lambda: script in HANGING and server.requests)
    with pytest.raises(TransportError) as caught:
        post(transport, server.origin)
    assert not isinstance(caught.value, NotSentError)
    assert server.dialled() == 1


@pytest.mark.usefixtures("trusted")
def test_a_server_that_refuses_us_only_after_the_handshake_leaves_the_fate_open(
    transport, serve, tls, certificate
):
    tls.verify_mode = ssl.CERT_REQUIRED  # with TLS 1.3 the alert comes after our request has left
    tls.load_verify_locations(certificate[0])
    server = serve(answering(reply_bytes(200, GOOD)), tls)
    with pytest.raises(TransportError) as caught:
        post(transport, server.origin)
    assert not isinstance(caught.value, NotSentError)
    assert server.connections == 1


# What is a reply, whatever it says.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_reply_and_is_not_followed(transport, serve, status):
    elsewhere = serve(answering(reply_bytes(200, GOOD)))
    server = serve(
        answering(reply_bytes(status, b"moved", Location=f"{elsewhere.origin}/other?x=1"))
    )
    assert post(transport, server.origin).status == status
    assert (server.connections, len(server.requests)) == (1, 1)
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "location", ["http://[", "//", "http://h:99999/", "\x80\xff", "javascript:1", "http://a b/"]
)
def test_a_redirect_to_nonsense_is_still_the_reply_that_it_is(transport, serve, location):
    server = serve(answering(reply_bytes(302, b"", Location=location)))
    assert post(transport, server.origin).status == 302
    assert len(server.requests) == 1


def test_the_body_of_a_redirect_is_as_limited_as_any(transport, serve):
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nConnection: close\r\n\r\n")
        for _ in range(100_000):
            wire.send(b" " * 65536)

    server = serve(script)
    assert post(transport, server.origin).status == 302
    assert server.connections == 1


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 407, 408, 409, 413, 425, 429, 500, 502, 503, 504]
)
def test_an_error_status_is_a_reply_and_is_not_tried_again(transport, serve, status):
    server = serve(
        answering(
            reply_bytes(
                status,
                b"<html>no</html>",
                Retry_After="0",
                WWW_Authenticate='Basic realm="x"',
                Proxy_Authenticate='Basic realm="x"',
            )
        )
    )
    reply = post(transport, server.origin)
    assert (reply.status, reply.body) == (status, b"<html>no</html>")
    assert (server.connections, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("script", [cut_in_the_body, huge_body, gzip_bomb, unasked_encoding])
def test_a_refusal_counts_by_its_status_even_where_its_page_cannot_be_read(
    transport, serve, script
):
    def refusing(wire: Wire) -> None:
        send = wire.send
        wire.send = lambda data: send(data.replace(b"HTTP/1.1 200", b"HTTP/1.1 402"))
        script(wire)

    server = serve(refusing)
    assert post(transport, server.origin).status == 402
    assert server.connections == 1


def test_what_leaves_is_one_whole_post_over_a_connection_of_its_own(transport, serve):
    server = serve(answering(reply_bytes(200, GOOD)))
    transport.get(f"{server.origin}/status")
    reply = post(transport, server.origin)
    assert (reply.status, reply.body) == (200, GOOD)
    _, asked = server.requests
    assert asked.connection == 1
    assert (asked.method, asked.target) == ("POST", f"/api/generate?{QUERY}")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["connection"].lower() == "close"
    assert asked.headers["content-type"] == "application/json"
    assert int(asked.headers["content-length"]) == len(asked.body)
    import json

    assert json.loads(asked.body) == BODY


def test_a_reply_longer_than_it_says_is_taken_at_its_word(transport, serve):
    server = serve(answering(reply_bytes(200, GOOD + b"}garbage", length=len(GOOD))))
    assert post(transport, server.origin).body == GOOD


def test_a_reply_that_comes_before_the_request_was_read_is_not_lost(transport, serve):
    def script(wire: Wire) -> None:
        wire.head()
        wire.reply(413, b"too large")
        wire.linger()

    assert post(transport, serve(script).origin).status == 413


def test_a_netrc_does_not_take_the_place_of_the_key(transport, serve, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(answering(reply_bytes(200, GOOD)))
    post(transport, server.origin)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_what_stands_in_the_address_does_not_take_the_place_of_the_key_either(transport, serve):
    server = serve(answering(reply_bytes(200, GOOD)))
    post(transport, server.origin.replace("http://", "http://mallory:hunter2@"))
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_cookies_are_not_kept(transport, serve):
    server = serve(answering(reply_bytes(200, GOOD, Set_Cookie="id=1; Path=/")))
    post(transport, server.origin)
    post(transport, server.origin)
    transport.get(server.origin)
    assert all("cookie" not in asked.headers for asked in server.requests)


# What logs show.


def test_no_log_shows_the_key_or_a_query(transport, serve, caplog):
    caplog.set_level(logging.DEBUG)
    server = serve(answering(reply_bytes(200, GOOD)))
    post(transport, server.origin)
    transport.get(f"{server.origin}/x", params={"sig": "5ecret"})
    with pytest.raises(TransportError):
        post(transport, serve(reset_after_request).origin)
    with pytest.raises(TransportError):
        transport.get(f"{serve(reset_after_request).origin}/x?{QUERY}")
    assert "5ecret" not in caplog.text
    assert KEY not in caplog.text


def test_a_folder_in_the_place_of_a_bundle_is_no_matter(
    transport, serve, monkeypatch, tmp_path: Path
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    server = serve(answering(reply_bytes(200, GOOD)))
    assert post(transport, server.origin).status == 200
