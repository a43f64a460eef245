"""The beginning of a file at an address, wherever it lies and however its host behaves."""

from __future__ import annotations

import socket
import time
import traceback

import pytest
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.errors import InputError, TransportError
from patience import one_of_three
from rawserver import Wire, answering, reply_bytes

FILE = bytes(range(256)) * 40


def ranged(wire: Wire) -> None:
    """A host that serves ranges as it should."""
    while (asked := wire.request()) is not None:
        if asked.method == "HEAD" or "range" not in asked.headers:
            wire.reply(200, FILE, Content_Type="video/mp4")
            continue
        first, last = asked.headers["range"].removeprefix("bytes=").split("-")
        piece = FILE[int(first) : int(last) + 1] if last else FILE[int(first) :]
        where = f"bytes {first}-{int(first) + len(piece) - 1}/{len(FILE)}"
        wire.reply(206, piece, Content_Range=where, Content_Type="Video/MP4; codecs=x")


def test_a_good_host_gives_the_first_bytes_and_the_whole_size(transport, serve, loopback):
    server = serve(ranged)
    found = transport.probe(f"{server.origin}/a.mp4", rule=loopback, first_bytes=16)
    assert (found.status, found.total_bytes, found.first) == (206, len(FILE), FILE[:16])
    assert found.media_type == "video/mp4"
    assert server.requests[0].headers["range"] == "bytes=0-15"
    assert "authorization" not in server.requests[0].headers


def test_a_host_that_ignores_the_range_is_not_read_to_the_end(transport, serve, loopback):
    sent: list[int] = []

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while not wire.server.ending.is_set():
                wire.send(b"z" * 65536)
                sent.append(65536)
        except OSError:
            pass

    server = serve(script)
    found = transport.probe(server.origin, rule=loopback, first_bytes=100)
    assert (found.status, found.total_bytes, found.first) == (200, 1_000_000_000, b"z" * 100)
    assert sum(sent) < 20_000_000


def test_a_size_that_is_not_told_is_none(transport, serve, loopback):
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    found = transport.probe(serve(script).origin, rule=loopback, first_bytes=8)
    assert (found.total_bytes, found.first) == (None, b"abc")


@pytest.mark.parametrize("where", ["bytes 0-7/*", "bytes 0-7/abc", "0-7/9", "bytes */5x", ""])
def test_a_range_header_of_nonsense_tells_no_size(transport, serve, loopback, where):
    server = serve(answering(reply_bytes(206, b"12345678", Content_Range=where)))
    assert transport.probe(server.origin, rule=loopback, first_bytes=8).total_bytes is None


def test_an_empty_file_is_empty_whatever_its_host_makes_of_the_range(transport, serve, loopback):
    impossible = serve(answering(reply_bytes(416, b"<Error/>", Content_Range="bytes */0")))
    plain = serve(answering(reply_bytes(200, b"")))
    for server in (impossible, plain):
        found = transport.probe(server.origin, rule=loopback, first_bytes=8)
        assert (found.status, found.total_bytes, found.first) == (200, 0, b"")


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429])
def test_an_error_status_is_handed_on_at_once(transport, serve, loopback, status):
    server = serve(answering(reply_bytes(status, b"<Error/>")))
    assert transport.probe(server.origin, rule=loopback, first_bytes=8).status == status
    assert len(server.requests) == 1


def test_a_host_in_trouble_is_asked_again(transport, serve, loopback):
    good = reply_bytes(206, b"1234", Content_Range="bytes 0-3/9")
    server = serve(answering(reply_bytes(503), good))
    assert transport.probe(server.origin, rule=loopback, first_bytes=4).total_bytes == 9


def test_a_host_that_stays_in_trouble_is_handed_on(transport, serve, loopback):
    server = serve(answering(reply_bytes(500, b"no")))
    assert transport.probe(server.origin, rule=loopback, first_bytes=4).status == 500
    assert 2 <= len(server.requests) <= 4


# Redirects


def test_a_redirect_is_followed_with_the_range(transport, serve, loopback):
    there = serve(ranged)
    here = serve(answering(reply_bytes(302, b"x" * 1000, Location=f"{there.origin}/b.mp4?sig=1")))
    found = transport.probe(f"{here.origin}/a", rule=loopback, first_bytes=4)
    assert found.first == FILE[:4]
    (asked,) = there.requests
    assert (asked.target, asked.headers["range"]) == ("/b.mp4?sig=1", "bytes=0-3")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b.mp4", "/b.mp4"),
        ("b.mp4", "/dir/b.mp4"),
        ("?x=1", "/dir/a?x=1"),
        ("b%20c.mp4", "/dir/b%20c.mp4"),
        ("b c.mp4", "/dir/b%20c.mp4"),
        ("b.mp4#part", "/dir/b.mp4"),
        ("ü.mp4".encode().decode("latin-1"), "/dir/%C3%BC.mp4"),
        ("b.mp4?X-Amz-Signature=a%2Fb%3D&c=%7B%7D", "/dir/b.mp4?X-Amz-Signature=a%2Fb%3D&c=%7B%7D"),
    ],
)
def test_a_redirect_may_be_relative_and_oddly_spelt(transport, serve, loopback, location, target):
    good = reply_bytes(206, b"1", Content_Range="bytes 0-0/1")
    server = serve(answering(reply_bytes(301, b"", Location=location), good))
    transport.probe(f"{server.origin}/dir/a", rule=loopback, first_bytes=1)
    assert server.requests[1].target == target


def test_redirects_in_a_circle_end(transport, serve, loopback):
    server = serve(answering(reply_bytes(302, b"", Location="/again")))
    with pytest.raises(TransportError, match="redirects"):
        transport.probe(server.origin, rule=loopback, first_bytes=1)
    assert len(server.requests) <= 10


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/x?sig=5ecret",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://0.0.0.0/",
        "http://[::ffff:10.0.0.1]/",
        "http://100.64.0.1/",
        "http://2886729729/",
        "http://minio/",
        "http://nas.local/",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "http://user:pass@example.org/",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_to_where_it_must_not_lead_is_refused(transport, serve, loopback, location):
    server = serve(answering(reply_bytes(302, b"", Location=location)))
    with pytest.raises(InputError) as caught:
        transport.probe(server.origin, rule=loopback, first_bytes=1)
    assert "5ecret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("location", ["http://[", "http://h:99999999/", "//", "http://"])
def test_a_redirect_to_nonsense_is_refused(transport, serve, loopback, location):
    server = serve(answering(reply_bytes(302, b"", Location=location)))
    with pytest.raises((InputError, TransportError)):
        transport.probe(server.origin, rule=loopback, first_bytes=1)


def test_a_redirect_to_loopback_is_refused_where_only_the_first_origin_is_exempt(transport, serve):
    there = serve(ranged)
    here = serve(answering(reply_bytes(302, b"", Location=there.origin)))
    rule = AddressRule(exempt=frozenset({here.origin}))
    with pytest.raises(InputError):
        transport.probe(here.origin, rule=rule, first_bytes=1)
    assert there.connections == 0


def test_a_redirect_without_an_address_is_the_reply(transport, serve, loopback):
    server = serve(answering(reply_bytes(302, b"")))
    assert transport.probe(server.origin, rule=loopback, first_bytes=1).status == 302


# Names that lead elsewhere than they say


def resolving(monkeypatch, *addresses: str):
    """Every name is looked up as these addresses, or is not known where there are none."""

    def getaddrinfo(host, port, *args, **options):
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        kind = (socket.SOCK_STREAM, 6, "")
        return [
            (socket.AF_INET6, *kind, (a, port, 0, 0)) if ":" in a
            else (socket.AF_INET, *kind, (a, port))
            for a in addresses
        ]  # fmt: skip

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0", "::1", "fe80::1", "::ffff:127.0.0.1",
     "64:ff9b::7f00:1", "2002:7f00:1::", "100.100.100.200", "240.0.0.1", "224.0.0.1", "fd00::1"],
)  # fmt: skip
def test_a_public_name_that_leads_inside_is_not_connected_to(
    transport, serve, public, monkeypatch, address
):
    server = serve(ranged)
    resolving(monkeypatch, address)
    with pytest.raises(InputError):
        transport.probe(f"http://cdn.example:{server.port}/a", rule=public, first_bytes=1)
    assert server.connections == 0


def test_of_several_addresses_only_the_allowed_are_tried(transport, serve, monkeypatch, loopback):
    resolving(monkeypatch, "10.0.0.1", "169.254.1.1", "127.0.0.1")

    def attempt() -> float:
        url = f"http://cdn.example:{serve(ranged).port}/a"
        began = time.monotonic()
        assert transport.probe(url, rule=loopback, first_bytes=1).status == 206
        return time.monotonic() - began

    one_of_three(attempt, within_s=1.0)


def test_a_second_address_is_tried_where_the_first_is_dead(transport, serve, monkeypatch):
    server = serve(ranged)
    resolving(monkeypatch, "::1", "127.0.0.1")  # nobody listens at the first
    url = f"http://cdn.example:{server.port}/a"
    assert transport.probe(url, rule=None, first_bytes=1).status == 206


def test_an_exempt_origin_may_be_private_but_never_link_local(transport, serve, monkeypatch):
    server = serve(ranged)
    origin = f"http://minio.home:{server.port}"
    rule = AddressRule(exempt=frozenset({origin}))
    resolving(monkeypatch, "127.0.0.1")
    assert transport.probe(f"{origin}/a", rule=rule, first_bytes=1).status == 206
    resolving(monkeypatch, "169.254.169.254")
    with pytest.raises(InputError):
        transport.probe(f"{origin}/a", rule=rule, first_bytes=1)


def test_by_a_proxy_a_name_that_is_known_here_as_private_is_refused(
    transport, serve, monkeypatch, public
):
    proxy = serve(ranged)
    monkeypatch.setenv("http_proxy", proxy.origin)
    resolving(monkeypatch, "10.0.0.1")
    with pytest.raises(InputError):
        transport.probe("http://intranet.example/a", rule=public, first_bytes=1)
    assert proxy.connections == 0


def test_by_a_proxy_a_name_that_only_the_proxy_knows_is_its_affair(
    transport, serve, monkeypatch, public
):
    proxy = serve(ranged)
    monkeypatch.setenv("http_proxy", proxy.origin)
    real = socket.getaddrinfo

    def only_numbers(host, *args, **options):
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", only_numbers)
    found = transport.probe("http://cdn.invalid/a.mp4", rule=public, first_bytes=4)
    assert found.first == FILE[:4]
    assert proxy.requests[0].target == "http://cdn.invalid/a.mp4"


def test_an_impossible_name_is_an_error_like_any_other(transport):
    for url in ("http://a..b/", f"http://{'x' * 300}.example/"):
        with pytest.raises((TransportError, InputError)):
            transport.probe(url, rule=None, first_bytes=1)
