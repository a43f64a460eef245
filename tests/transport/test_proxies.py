"""By way of a proxy: what it may see, when it is used, and what becomes of a request there."""

from __future__ import annotations

import contextlib
import hashlib
import select
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from apixo_wan_animate.utils.errors import NotSentError, TransportError
from patience import one_of_three
from rawserver import Wire, answering, reply_bytes

HOST = "service.example"
GOOD = b'{"code":200}'
HEADERS = {"Authorization": "Bearer sk-test"}


@pytest.fixture(scope="module")
def named_certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for a name that only the proxy of a test knows, and for loopback."""
    folder = tmp_path_factory.mktemp("named")
    certificate, key = folder / "named.pem", folder / "named.key"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={HOST}",
             "-addext", f"subjectAltName=DNS:{HOST},IP:127.0.0.1"],
            check=True,
            capture_output=True,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("needs the openssl command, to make a certificate")
    return certificate, key


@pytest.fixture
def tls(named_certificate, monkeypatch) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*named_certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(named_certificate[0]))
    return context


def relay(here: socket.socket, port: int) -> None:
    """Carry bytes both ways until both sides end, on one thread: TLS bears no second one."""
    with socket.create_connection(("127.0.0.1", port)) as far, contextlib.suppress(OSError):
        other = {here: far, far: here}
        while other:
            held = [side for side in other if isinstance(side, ssl.SSLSocket) and side.pending()]
            for side in held or select.select(list(other), [], [])[0]:
                if data := side.recv(65536):
                    other[side].sendall(data)
                else:
                    socket.socket.shutdown(other.pop(side), socket.SHUT_WR)


def connecting(port: int) -> Callable[[Wire], None]:
    """A proxy that opens a tunnel to one port, whatever it is asked for."""

    def script(wire: Wire) -> None:
        if wire.request() is not None:
            wire.send(b"HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
            relay(wire.sock, port)

    return script


def use(monkeypatch: pytest.MonkeyPatch, origin: str, *, names: str = "http https") -> None:
    for name in names.split():
        monkeypatch.setenv(f"{name}_proxy", origin)


def post(transport, url: str, *, timeout_s: float = 60.0):
    return transport.post_once(url, headers=HEADERS, json_body={"a": 1}, timeout_s=timeout_s)


def test_a_tunnel_carries_the_request_and_the_proxy_sees_only_the_name(
    transport, serve, tls, monkeypatch
):
    inner = serve(answering(reply_bytes(200, GOOD)), tls)
    proxy = serve(connecting(inner.port))
    use(monkeypatch, proxy.origin.replace("//", "//user:hunter2@"))
    assert post(transport, f"https://{HOST}/submit").body == GOOD
    (tunnel,) = proxy.requests
    assert (tunnel.method, tunnel.target) == ("CONNECT", f"{HOST}:443")
    assert tunnel.headers["proxy-authorization"].startswith("Basic ")
    assert "authorization" not in tunnel.headers
    (asked,) = inner.requests
    assert (asked.method, asked.target, asked.body) == ("POST", "/submit", b'{"a": 1}')
    assert asked.headers["authorization"] == "Bearer sk-test"
    assert "proxy-authorization" not in asked.headers


@pytest.mark.parametrize("fault", ["reset", "close", "silence"])
def test_a_tunnel_that_breaks_after_the_request_leaves_the_fate_open(
    transport, serve, tls, monkeypatch, limits_pass_once, fault
):
    def lose(wire: Wire) -> None:
        wire.request()
        if fault == "reset":
            wire.reset()
        elif fault == "silence":
            wire.linger()

    inner = serve(lose, tls)
    proxy = serve(connecting(inner.port))
    use(monkeypatch, proxy.origin)
    limits_pass_once(lambda: fault == "silence" and inner.requests)
    with pytest.raises(TransportError) as caught:
        post(transport, f"https://{HOST}/submit")
    assert not isinstance(caught.value, NotSentError)
    assert (len(proxy.requests), len(inner.requests)) == (1, 1)


def test_a_tunnel_to_somebody_else_is_not_sent(transport, serve, tls, monkeypatch):
    inner = serve(answering(reply_bytes(200, GOOD)), tls)
    proxy = serve(connecting(inner.port))
    use(monkeypatch, proxy.origin)
    with pytest.raises(NotSentError, match="certificate"):
        post(transport, "https://other.example/submit")
    assert inner.requests == []


def test_a_tunnel_whose_opening_drips_is_not_sent_and_ends_in_time(transport, serve, monkeypatch):
    def script(wire: Wire) -> None:
        wire.request()
        wire.drip(b"HTTP/1.1 200 Connection established\r\nX-Slow: " + b"y" * 1000, every_s=0.05)

    use(monkeypatch, serve(script).origin)

    def attempt() -> float:
        began = time.monotonic()
        with pytest.raises(NotSentError):
            post(transport, f"https://{HOST}/submit", timeout_s=1.0)
        return time.monotonic() - began

    one_of_three(attempt, within_s=4.0)


def test_plain_http_goes_whole_to_the_proxy(transport, serve, monkeypatch):
    proxy = serve(answering(reply_bytes(200, GOOD)))
    use(monkeypatch, proxy.origin)
    assert post(transport, f"http://{HOST}/submit").body == GOOD
    (asked,) = proxy.requests
    assert (asked.method, asked.target) == ("POST", f"http://{HOST}/submit")


@pytest.mark.parametrize(
    "exempt", [HOST, ".example", "example", f"other, {HOST}", "*"], ids=lambda text: text
)
def test_no_proxy_is_obeyed(transport, serve, monkeypatch, exempt):
    server = serve(answering(reply_bytes(200, GOOD)))
    proxy = serve(answering(reply_bytes(502)))
    use(monkeypatch, proxy.origin)
    monkeypatch.setenv("no_proxy", exempt)
    known = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **options: known("127.0.0.1", *args, **options),
    )
    assert post(transport, f"http://{HOST}:{server.port}/submit").body == GOOD
    assert proxy.connections == 0


def test_a_proxy_for_everything_is_used(transport, serve, tls, monkeypatch):
    inner = serve(answering(reply_bytes(200, GOOD)), tls)
    proxy = serve(connecting(inner.port))
    use(monkeypatch, proxy.origin, names="all")
    assert transport.get(f"https://{HOST}/x").body == GOOD
    assert proxy.requests[0].method == "CONNECT"


def test_a_tunnel_is_used_again_for_reads_and_not_for_a_submit(transport, serve, tls, monkeypatch):
    inner = serve(answering(reply_bytes(200, GOOD)), tls)
    proxy = serve(connecting(inner.port))
    use(monkeypatch, proxy.origin)
    for _ in range(2):
        transport.get(f"https://{HOST}/status")
    post(transport, f"https://{HOST}/submit")
    transport.get(f"https://{HOST}/status")
    assert [asked.connection for asked in inner.requests] == [0, 0, 1, 0]
    assert len(proxy.requests) == 2


def test_many_threads_meeting_a_new_proxy_are_all_watched(transport, serve, tls, monkeypatch):
    inner = serve(answering(reply_bytes(200, GOOD)), tls)
    proxy = serve(connecting(inner.port))
    use(monkeypatch, proxy.origin)
    from apixo_wan_animate.utils.transport import connection as module

    made: list[object] = []
    make, watched = module.WatchedSocket, module._watched_pool

    def slowly(pool):
        threading.Event().wait(0.02)
        return watched(pool)

    monkeypatch.setattr(module, "_watched_pool", slowly)
    monkeypatch.setattr(module, "WatchedSocket", lambda sock: made.append(sock) or make(sock))
    start = threading.Barrier(8)
    answers: list[bytes] = []

    def ask() -> None:
        start.wait()
        answers.append(transport.get(f"https://{HOST}/x").body)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [GOOD] * 8
    assert len(made) == 2 * proxy.connections  # once for the tunnel, once for what goes through


def test_a_proxy_that_is_itself_behind_tls_loses_and_doubles_nothing(
    transport, serve, tls, monkeypatch, tmp_path
):
    file = tmp_path / "clip.mp4"
    with file.open("wb") as out:
        for number in range(24_000):
            out.write(number.to_bytes(4, "big") * 250)
    arrived: list[bytes] = []

    def slow_reader(wire: Wire) -> None:
        wire.head()
        wire.server.ending.wait(0.7)  # until every buffer on the way is full
        digest, left = hashlib.sha256(wire.rest), file.stat().st_size - len(wire.rest)
        while left > 0 and (data := wire.sock.recv(65536)):
            digest.update(data)
            left -= len(data)
        arrived.append(digest.digest())
        wire.send(reply_bytes(200, GOOD))

    inner = serve(slow_reader, tls)
    proxy = serve(connecting(inner.port), tls)
    use(monkeypatch, proxy.origin)
    assert transport.upload(f"https://{HOST}/clip.mp4", file).status == 200
    assert arrived == [hashlib.sha256(file.read_bytes()).digest()]
    assert proxy.requests[0].method == "CONNECT"


def socks5(port: int) -> Callable[[Wire], None]:
    """A SOCKS 5 proxy that wants no password and knows one place."""

    def script(wire: Wire) -> None:
        wire.sock.recv(1 + 1 + 8)
        wire.send(b"\x05\x00")
        asked = wire.sock.recv(512)
        if asked:
            wire.server.requests.append(asked)
            wire.send(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
            relay(wire.sock, port)

    return script


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_is_used_where_its_package_is_there(
    transport, serve, tls, monkeypatch, scheme
):
    pytest.importorskip("socks", reason="needs the package PySocks")
    inner = serve(answering(reply_bytes(200, GOOD)), tls)
    proxy = serve(socks5(inner.port))
    use(monkeypatch, proxy.origin.replace("http", scheme))
    if scheme == "socks5":  # which looks names up here
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, port, *_, **__: [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            ],
        )
    assert post(transport, f"https://{HOST}/submit").body == GOOD
    assert (len(proxy.requests), len(inner.requests)) == (1, 1)
