"""Sockets under strain: bytes arrive once and in order, however slowly they are taken."""

from __future__ import annotations

import hashlib
import random
import threading

import pytest
from apixo_wan_animate.utils.errors import NotSentError, TransportError
from apixo_wan_animate.utils.transport.watch import Watch, running_watch
from patience import one_of_three
from rawserver import Wire, answering, reply_bytes
from stopping import felt_after_s

CONTENT = random.Random(3).randbytes(6_000_001)


def slow_reader(taken: list[str]):
    """Takes a body in gulps with pauses longer than a slice, so that sending blocks many times."""

    def script(wire: Wire) -> None:
        wire.head()
        digest, left = hashlib.sha256(wire.rest), len(CONTENT) - len(wire.rest)
        gulp = 0
        while left > 0 and (piece := wire.sock.recv(min(left, 200_000))):
            digest.update(piece)
            left -= len(piece)
            gulp += len(piece)
            if gulp > 1_500_000:
                gulp = 0
                wire.server.ending.wait(0.45)
        taken.append(digest.hexdigest())
        wire.reply(200)

    return script


@pytest.mark.parametrize("secure", [False, True])
def test_a_slow_taker_gets_every_byte_once(transport, serve, tmp_path, tls, trusted, secure):
    (tmp_path / "f").write_bytes(CONTENT)
    taken: list[str] = []
    server = serve(slow_reader(taken), tls if secure else None)
    assert transport.upload(server.origin, tmp_path / "f").status == 200
    assert taken == [hashlib.sha256(CONTENT).hexdigest()]
    assert server.connections == 1


@pytest.mark.parametrize("secure", [False, True])
def test_a_slow_giver_gives_every_byte_once(
    transport, serve, tmp_path, tls, trusted, loopback, secure
):
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT))
        for start in range(0, len(CONTENT), 1_500_000):
            wire.send(CONTENT[start : start + 1_500_000])
            wire.server.ending.wait(0.3)

    server = serve(script, tls if secure else None)
    transport.download(server.origin, tmp_path / "f", limit_bytes=10**8, rule=loopback)
    got = hashlib.sha256((tmp_path / "f").read_bytes()).digest()
    assert got == hashlib.sha256(CONTENT).digest()
    assert server.connections == 1


def test_a_reply_over_tls_that_comes_in_single_bytes_is_whole(transport, serve, tls, trusted):
    def script(wire: Wire) -> None:
        wire.request()
        wire.drip(reply_bytes(200, b'{"code":200}'), every_s=0.002)

    assert transport.get(serve(script, tls).origin).body == b'{"code":200}'


def test_a_kept_connection_over_tls_is_used_again(transport, serve, tls, trusted):
    server = serve(answering(reply_bytes(200, b"x")), tls)
    for _ in range(4):
        transport.get(server.origin)
    assert (server.connections, len(server.requests)) == (1, 4)


def test_a_stop_ends_the_making_of_a_connection(transport, tmp_path, loopback, full_port):
    def connect(stop: threading.Event) -> None:
        transport.download(full_port, tmp_path / "x", limit_bytes=9, rule=loopback, stop=stop)

    one_of_three(lambda: felt_after_s(connect, once=lambda: True, then_s=0.2), within_s=0.5)


@pytest.fixture
def full_port():
    """The origin of a port whose queue is full: a connection is neither made nor refused."""
    import socket

    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        waiting.listen(0)
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(waiting.getsockname())
        yield f"http://127.0.0.1:{waiting.getsockname()[1]}"
        for filler in fillers:
            filler.close()


def test_a_request_that_must_leave_once_is_given_one_connection_and_no_more():
    watch = Watch("https://h.example", once=True)
    watch.dialled()
    with pytest.raises(TransportError):
        watch.dialled()


def test_a_post_makes_one_attempt_to_connect(transport, serve, monkeypatch):
    proxy = serve(lambda wire: (wire.request(), wire.reset()))
    monkeypatch.setenv("https_proxy", proxy.origin)
    with pytest.raises(NotSentError):
        transport.post_once("https://api.example", json_body={})
    assert proxy.connections == 1


def test_a_watch_is_of_one_thread_and_one_request():
    seen: list[bool] = []

    def other() -> None:
        try:
            running_watch()
        except RuntimeError:
            seen.append(True)

    outer, inner = Watch("https://a.example"), Watch("https://b.example")
    with outer.running():
        with inner.running():
            assert running_watch() is inner
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert running_watch() is outer
    assert seen == [True]
    with pytest.raises(RuntimeError):
        running_watch()
