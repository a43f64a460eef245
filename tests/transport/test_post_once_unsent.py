"""The request that costs money, without a connection or by way of a proxy: what never left."""

from __future__ import annotations

import socket
import ssl
import time
import traceback
from contextlib import contextmanager, suppress

import pytest
from apixo_wan_animate.utils.errors import NotSentError, TransportError
from patience import one_of_three
from rawserver import Wire, answering, reply_bytes

from .test_post_once import (
    GOOD,
    HANGING,
    assert_hidden,
    close_after_request,
    not_http,
    post,
    reset_after_request,
    silence,
)

HIDDEN = "sk-hid"


@contextmanager
def full_backlog():
    """A port that takes no more connections, so that a further one is neither made nor refused."""
    waiting = socket.socket()
    waiting.bind(("127.0.0.1", 0))
    waiting.listen(0)
    address = waiting.getsockname()
    fillers = []
    try:
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        yield f"http://127.0.0.1:{address[1]}"
    finally:
        for sock in [*fillers, waiting]:
            sock.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_is_not_sent(transport, scheme):
    with pytest.raises(NotSentError) as caught:
        post(transport, f"{scheme}://127.0.0.1:{closed_port()}")
    assert_hidden(caught.value)


def test_a_name_that_nobody_knows_is_not_sent(transport, monkeypatch):
    def unknown(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotSentError) as caught:
        post(transport, "http://no-such-host.invalid")
    assert_hidden(caught.value)


def test_a_connection_that_is_never_made_is_not_sent(transport):
    def attempt() -> float:
        began = time.monotonic()
        with full_backlog() as origin, pytest.raises(NotSentError):
            post(transport, origin, timeout_s=0.4)
        return time.monotonic() - began

    one_of_three(attempt, within_s=3.0)


def assert_nothing_arrived(server) -> None:
    assert server.requests == []


def test_a_certificate_that_is_not_trusted_is_not_sent(transport, serve, tls):
    server = serve(answering(reply_bytes(200, GOOD)), tls)
    with pytest.raises(NotSentError) as caught:
        post(transport, server.origin)
    assert_nothing_arrived(server)
    assert "ertificate" in str(caught.value)
    assert_hidden(caught.value)


def test_a_certificate_of_another_name_is_not_sent(transport, serve, tls, trusted):
    server = serve(answering(reply_bytes(200, GOOD)), tls)
    with pytest.raises(NotSentError):
        post(transport, f"https://localhost:{server.port}")
    assert_nothing_arrived(server)


def plain_text(wire: Wire) -> None:
    wire.sock.recv(1)
    wire.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def reset_in_the_handshake(wire: Wire) -> None:
    wire.sock.recv(1)
    wire.reset()


def close_in_the_handshake(wire: Wire) -> None:
    wire.sock.recv(1)


def silence_in_the_handshake(wire: Wire) -> None:
    wire.linger()


@pytest.mark.parametrize(
    "script", [plain_text, reset_in_the_handshake, close_in_the_handshake, silence_in_the_handshake]
)
def test_a_handshake_that_fails_is_not_sent(transport, serve, script):
    limit_s = 0.4 if script is silence_in_the_handshake else 60.0

    def attempt() -> float:
        server = serve(script)
        began = time.monotonic()
        with pytest.raises(NotSentError):
            post(transport, server.origin.replace("http:", "https:"), timeout_s=limit_s)
        took_s = time.monotonic() - began
        assert server.dialled() == 1
        return took_s

    one_of_three(attempt, within_s=3.0)


def test_a_bundle_of_certificates_that_is_missing_is_not_sent(transport, serve, tls, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    server = serve(answering(reply_bytes(200, GOOD)), tls)
    with pytest.raises(NotSentError):
        post(transport, server.origin)
    assert server.connections == 0


def test_a_key_that_no_header_can_hold_is_not_sent_and_not_shown(transport, serve):
    server = serve(answering(reply_bytes(200, GOOD)))
    headers = {"Authorization": f"Bearer {HIDDEN}\r\nX: 1"}
    with pytest.raises(NotSentError) as caught:
        transport.post_once(server.origin, headers=headers, json_body={})
    assert HIDDEN not in "".join(traceback.format_exception(caught.value))
    assert server.connections == 0


# By way of a proxy. Loopback itself never goes by one, so these hosts are names.


def proxied(monkeypatch, origin: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", origin)
    monkeypatch.setenv("http_proxy", origin)
    monkeypatch.setenv("HTTPS_PROXY", origin)
    monkeypatch.setenv("https_proxy", origin)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_not_sent(transport, monkeypatch, scheme):
    proxied(monkeypatch, f"http://user:hunter2@127.0.0.1:{closed_port()}")
    with pytest.raises(NotSentError) as caught:
        post(transport, f"{scheme}://api.example")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert_hidden(caught.value)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://", "http://:0", "nonsense://h"])
def test_a_proxy_that_is_malformed_or_unknown_is_not_sent(transport, monkeypatch, proxy):
    proxied(monkeypatch, proxy)
    with pytest.raises(NotSentError):
        post(transport, "https://api.example")


@pytest.mark.parametrize("status", [302, 400, 403, 407, 500, 502, 504])
def test_a_proxy_that_refuses_the_tunnel_is_not_sent(transport, serve, monkeypatch, status):
    proxy = serve(answering(reply_bytes(status, b"no", Location="https://login.example/")))
    proxied(monkeypatch, proxy.origin)
    with pytest.raises(NotSentError) as caught:
        post(transport, "https://api.example")
    assert [asked.method for asked in proxy.requests] == ["CONNECT"]
    assert "authorization" not in proxy.requests[0].headers
    assert_hidden(caught.value)


@pytest.mark.parametrize("script", [reset_after_request, close_after_request, not_http, silence])
def test_a_proxy_that_breaks_off_before_the_tunnel_is_not_sent(
    transport, serve, monkeypatch, limits_pass_once, script
):
    proxy = serve(script)
    proxied(monkeypatch, proxy.origin)
    limits_pass_once(lambda: script in HANGING and proxy.requests)
    with pytest.raises(NotSentError):
        post(transport, "https://api.example")


def test_a_tunnel_whose_far_end_is_lost_after_the_request_leaves_the_fate_open(
    transport, serve, monkeypatch, tls, certificate, trusted
):
    inner = serve(reset_after_request, tls)

    def tunnel(wire: Wire) -> None:
        import threading

        wire.request()
        far = socket.create_connection(("127.0.0.1", inner.port))
        wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        def back() -> None:
            with suppress(OSError):
                while data := far.recv(65536):
                    wire.send(data)
            with suppress(OSError):
                wire.reset()

        thread = threading.Thread(target=back)
        thread.start()
        try:
            while data := wire.sock.recv(65536):
                far.sendall(data)
        except OSError:
            pass
        thread.join()
        far.close()

    proxy = serve(tunnel)
    proxied(monkeypatch, proxy.origin)
    monkeypatch.setattr(ssl, "match_hostname", lambda *a: None, raising=False)
    # the far end's certificate is for 127.0.0.1, so the name asked for is an address of no loopback
    with pytest.raises(TransportError) as caught:
        post(transport, "https://127-0-0-1.example")
    # an untrusted name ends in the handshake, through the tunnel, with nothing sent
    assert isinstance(caught.value, NotSentError)
    assert inner.requests == []


@pytest.mark.parametrize("script", [reset_after_request, close_after_request, silence])
def test_a_request_that_a_proxy_has_taken_leaves_the_fate_open(
    transport, serve, monkeypatch, limits_pass_once, script
):
    proxy = serve(script)
    proxied(monkeypatch, proxy.origin)
    limits_pass_once(lambda: script in HANGING and proxy.requests)
    with pytest.raises(TransportError) as caught:
        post(transport, "http://api.example")
    assert not isinstance(caught.value, NotSentError)
    assert (proxy.dialled(), len(proxy.requests)) == (1, 1)
    assert proxy.requests[0].target.startswith("http://api.example/")


def test_loopback_never_goes_by_a_proxy(transport, serve, monkeypatch):
    proxy = serve(answering(reply_bytes(502)))
    proxied(monkeypatch, proxy.origin)
    server = serve(answering(reply_bytes(200, GOOD)))
    assert post(transport, server.origin).status == 200
    assert post(transport, f"http://localhost:{server.port}").status == 200
    assert proxy.connections == 0
