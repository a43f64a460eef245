"""Which addresses a link may have, and how much of a link a message shows."""

from __future__ import annotations

import ipaddress

import pytest
from apixo_wan_animate.utils.addresses import (
    AddressRule,
    check_url,
    is_loopback,
    is_plain,
    origin_of,
    redact,
    redact_links,
)
from apixo_wan_animate.utils.errors import InputError

PUBLIC = AddressRule()
ON_LOOPBACK = AddressRule(allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example.org/a.mp4",
        "http://cdn.example.org:8080/a%20b.mp4?x=1&y=%2F#z",
        "https://8.8.8.8/a.mp4",
        "https://[2606:4700::1111]/a.mp4",
        "HTTPS://CDN.EXAMPLE.ORG/a.mp4",
        "https://xn--bcher-kva.example/a.mp4",
        "https://a_b.example.org/a.mp4",
    ],
)
def test_a_public_link_is_let_through(url):
    check_url(url, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "", " ", "cdn.example.org/a.mp4", "//cdn.example.org/a.mp4", "/a.mp4", "C:\\a.mp4",
        "file:///etc/passwd", "ftp://h.example/a", "data:image/png;base64,AAAA",
        "javascript:alert(1)", "https://", "https:///a", "http://?x", "https://h.example:99999/",
        "https://h.example:0/", "https://h.example:x/", "https://[::1/", "https://h.example/a b",
        "https://h.example/\ta", "https://h.example/a\n", "https://bücher.example/a",
        "https://h.example/ü.mp4", "https://user@h.example/", "https://user:pass@h.example/",
        "https://good.example\\@evil.example/", "https://h.example/a\\..\\b",
        "https://h.example/\x00", "https://h.example/\x7f",
        "https://h.example/" + "a" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_plain_web_link_is_refused(url):
    for rule in (PUBLIC, ON_LOOPBACK):
        with pytest.raises(InputError):
            check_url(url, rule)


INSIDE = [
    "http://10.0.0.1/", "http://172.16.5.4/", "http://192.168.0.1/", "http://100.64.0.1/",
    "http://198.18.0.5/", "http://192.0.2.1/", "http://240.0.0.1/", "http://224.0.0.1/",
    "http://255.255.255.255/", "http://0.0.0.0/", "http://169.254.169.254/", "http://[::]/",
    "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fd12::1]/", "http://[ff02::1]/",
    "http://[::ffff:10.0.0.1]/", "http://[::ffff:a00:1]/", "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:a00:1::]/", "http://[2001:db8::1]/", "http://0xa000001/", "http://167772161/",
    "http://10.1/", "http://012.0.0.1/", "http://0xa.0.0.1/", "http://10.0.0.1./",
    "http://minio/", "http://minio:9000/x", "http://nas.local/", "http://nas.LOCAL./",
    "http://db.internal/", "http://box.lan/", "http://box.home.arpa/", "http://x.intranet/",
]  # fmt: skip
LOOPBACK = [
    "http://127.0.0.1/", "http://127.9.8.7:8188/", "http://127.1/", "http://2130706433/",
    "http://0x7f000001/", "http://0177.0.0.1/", "http://[::1]:8188/", "http://[::ffff:127.0.0.1]/",
    "http://localhost/", "http://localhost:8188/x", "http://LOCALHOST./",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_a_link_inside_is_refused_also_while_loopback_is_allowed(url):
    for rule in (PUBLIC, ON_LOOPBACK):
        with pytest.raises(InputError):
            check_url(url, rule)


@pytest.mark.parametrize("url", LOOPBACK)
def test_loopback_is_refused_unless_the_service_itself_is_there(url):
    check_url(url, ON_LOOPBACK)
    with pytest.raises(InputError):
        check_url(url, PUBLIC)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:9000/x", "http://minio:9000/b", "http://nas.local/"]
)
def test_an_exempt_origin_may_lie_inside_and_its_neighbour_may_not(url):
    rule = AddressRule(exempt=frozenset({origin_of(url)}))
    check_url(url, rule)
    for other in (url.replace("http:", "https:"), "http://10.0.0.1:9001/x", "http://minio:1/b"):
        with pytest.raises(InputError):
            check_url(other, rule)


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://[fe80::1]/"])
def test_link_local_is_refused_even_where_it_is_exempt(url):
    with pytest.raises(InputError):
        check_url(url, AddressRule(allow_loopback=True, exempt=frozenset({origin_of(url)})))


def test_a_stand_in_of_a_proxy_is_an_address_of_names_only():
    address = ipaddress.ip_address("198.18.3.4")
    assert PUBLIC.allows(address, "https://h.example", named=True)
    assert not PUBLIC.allows(address, "https://198.18.3.4", named=False)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://H.Example.org", "https://h.example.org"),
        ("https://h.example:443/a?b", "https://h.example"),
        ("http://h.example:80", "http://h.example"),
        ("http://h.example:443", "http://h.example:443"),
        ("https://h.example:8443/", "https://h.example:8443"),
        ("http://[::1]:8188/x", "http://[::1]:8188"),
        ("http://h.example./", "http://h.example"),
    ],
)
def test_an_origin_has_one_form(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h.example/a.mp4?sig=5ecret#x", "https://h.example/a.mp4"),
        ("https://h.example", "https://h.example"),
        ("https://h.example/", "https://h.example"),
        ("https://h.example/?token=5ecret", "https://h.example"),
        ("https://h.example/dir/5ecret/clip.mp4", "https://h.example/…clip.mp4"),
        ("https://h.example/5ecret5ecret5ecret/", "https://h.example/…5ecret5ecret"),
        ("https://h.example/" + "f" * 32 + ".mp4", "https://h.example/…ffffffff.mp4"),
        ("https://user:5ecret@h.example/", "(no valid address)"),
        ("nonsense", "(no valid address)"),
    ],
)
def test_a_message_shows_where_a_link_leads_and_not_how_to_open_it(url, shown):
    assert redact(url) == shown


def test_links_inside_a_text_are_shown_as_little():
    text = "Cannot read https://h.example/a/b.mp4?sig=5ecret, nor (s3://b/c?k=5ecret). Sorry."
    shown = redact_links(text)
    assert "5ecret" not in shown
    assert shown == "Cannot read https://h.example/…b.mp4, nor ((no valid address)). Sorry."


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://h.example/a.mp4", True),
        ("https://h.example/a.mp4?", False),
        ("https://h.example/a.mp4?x=1", False),
        ("https://h.example/a.mp4#x", False),
        ("nonsense", False),
        ("https://user:x@h.example/", False),
    ],
)
def test_a_link_with_a_query_is_not_plain(url, plain):
    assert is_plain(url) is plain


@pytest.mark.parametrize("url", LOOPBACK)
def test_loopback_is_known_in_every_spelling(url):
    assert is_loopback(url)


@pytest.mark.parametrize("url", [*INSIDE, "https://localhost.example/", "nonsense", ""])
def test_what_is_not_this_machine_is_not_loopback(url):
    assert not is_loopback(url)
