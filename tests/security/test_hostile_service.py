"""A service, or something in its place, that means harm: little memory, an end, and clean words."""

from __future__ import annotations

import ssl
import threading
import time
import tracemalloc

import pytest
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.apixo.client import ApixoClient
from apixo_wan_animate.utils.apixo.request import Submission, WanOptions
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.errors import (
    NotSentError,
    ProtocolError,
    TransportError,
)
from apixo_wan_animate.utils.setting_values import Secret
from apixo_wan_animate.utils.transport import Transport
from rawserver import RawServer, Wire, answering, make_certificate, reply_bytes

MEGABYTE = 1024 * 1024
KEY = "sk-marked-0123456789abcdef"
SUBMISSION = Submission(WanOptions(), "https://a.example/a.png", "https://a.example/a.mp4")
BLOCK = b"[" * 65536
CHUNK = b"1000\r\n" + b"[" * 4096 + b"\r\n"


def endless(*head: str, block: bytes = BLOCK):
    """A script that sends a head, and then a block for ever."""

    def script(wire: Wire) -> None:
        wire.request()
        wire.send("\r\n".join(["HTTP/1.1 200 OK", *head]).encode() + b"\r\n")
        while not wire.server.ending.is_set():
            wire.send(block)
            with wire.server.lock:
                wire.server.sent = getattr(wire.server, "sent", 0) + len(block)

    return script


def once(*head: str, body: bytes = b""):
    """A script that sends a head and a body, and closes."""

    def script(wire: Wire) -> None:
        wire.request()
        wire.send("\r\n".join(["HTTP/1.1 200 OK", *head]).encode() + b"\r\n\r\n" + body)
        wire.close()

    return script


def hints(wire: Wire) -> None:
    """Announces an answer for ever, and gives none."""
    wire.request()
    while not wire.server.ending.is_set():
        wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 999)


ATTACKS = {
    "hints without an end": hints,
    "10 GB of JSON": endless("Content-Length: 10000000000", ""),
    "JSON without an end": endless("Connection: close", ""),
    "headers without an end": endless("Content-Type: text/plain", block=b"X-Flood: 1\r\n" * 4096),
    "a header without an end": endless("X-Long: ", block=b"x" * 65536),
    "a header of a megabyte": once("X-Long: " + "x" * MEGABYTE, "Content-Length: 0"),
    "ten thousand headers": once(*[f"X-{n}: {n}" for n in range(10_000)], "Content-Length: 0"),
    "chunks without an end": endless("Transfer-Encoding: chunked", "", block=CHUNK),
    "a chunk of exabytes": endless("Transfer-Encoding: chunked", "", "7fffffffffffffff"),
    "a size of a chunk without an end": endless("Transfer-Encoding: chunked", "", "1;"),
    "a chunk of size -1": endless("Transfer-Encoding: chunked", "", "-1", ""),
    "a chunk of no size": once("Transfer-Encoding: chunked", body=b"ZZZ\r\n[]\r\n0\r\n\r\n"),
    "a chunk of a size below zero": once("Transfer-Encoding: chunked", body=b"-5\r\n[]\r\n"),
    "a length below zero": once("Content-Length: -5", body=b"[]"),
    "two lengths": once("Content-Length: 2", "Content-Length: 900", body=b"[]"),
    "a length of thousands of digits": once("Content-Length: " + "9" * 5000, body=b"[]"),
    "a page": once("Content-Type: text/html", body=b"<html>" + b"<p>" * 9999),
}  # fmt: skip


@pytest.fixture
def serve():
    servers: list[RawServer] = []

    def start(script, tls=None) -> RawServer:
        servers.append(RawServer(script, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


class HurriedClock(SystemClock):
    """Waits a small part of what is asked, so that attempts follow quickly."""

    def wait(self, stop: threading.Event, delay_s: float) -> bool:
        return super().wait(stop, delay_s / 100)


@pytest.fixture
def transport():
    return Transport(HurriedClock())


def bounded(work, *, limit_s: float = 25.0, limit_bytes: int = 16 * MEGABYTE):
    """Do it, and hold it to so much memory and time."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        return work()
    finally:
        took_s, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < limit_bytes, f"{peak / MEGABYTE:.0f} MB"
        assert took_s < limit_s, f"{took_s:.1f} s"


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_answer_that_means_harm_ends_soon_and_takes_little(serve, transport, attack):
    server = serve(ATTACKS[attack])
    client = ApixoClient(transport, base_url=server.origin, key=Secret(KEY))
    with pytest.raises((TransportError, ProtocolError)) as caught:
        bounded(lambda: client.submit(SUBMISSION))
    assert not isinstance(caught.value, NotSentError), "its fate is open"
    assert len(server.requests) == 1
    assert getattr(server, "sent", 0) < 32 * MEGABYTE
    with pytest.raises((TransportError, ProtocolError)):
        bounded(client.balance)


@pytest.mark.parametrize(
    "attack", [name for name in ATTACKS if "without an end" in name or "10 GB" in name]
)
def test_a_file_that_means_harm_ends_at_its_limit(serve, transport, tmp_path, attack):
    server = serve(ATTACKS[attack])
    target = tmp_path / "result.part"
    rule = AddressRule(allow_loopback=True)
    with pytest.raises(TransportError):
        bounded(
            lambda: transport.download(
                server.origin + "/r.mp4", target, limit_bytes=4 * MEGABYTE, rule=rule
            )
        )
    assert target.stat().st_size <= 4 * MEGABYTE


def test_a_redirect_from_https_to_http_is_refused(serve, transport, tmp_path, monkeypatch):
    try:
        certificate, key = make_certificate(tmp_path)
    except FileNotFoundError:
        pytest.skip("needs the openssl command, to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    rule = AddressRule(allow_loopback=True)
    there = serve(answering(reply_bytes(200, b"1")))
    here = serve(answering(reply_bytes(302, b"", Location=f"{there.origin}/x?sig=5ecret")), context)
    with pytest.raises(TransportError, match="from https to http") as caught:
        transport.probe(here.origin + "/a.mp4", rule=rule, first_bytes=1)
    assert "5ecret" not in str(caught.value)
    assert there.connections == 0
    back = serve(
        answering(reply_bytes(302, b"", Location="/a.mp4"), reply_bytes(200, b"1")), context
    )
    assert transport.probe(back.origin, rule=rule, first_bytes=1).first == b"1"
