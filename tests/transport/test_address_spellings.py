"""However an address is written, the verdict is one, and nobody reads another host out of it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import pytest
import requests
from apixo_wan_animate.utils.addresses import AddressRule, check_url, is_loopback, origin_of, redact
from apixo_wan_animate.utils.errors import InputError
from hypothesis import assume, example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

RULES = [AddressRule(), AddressRule(allow_loopback=True)]

EDGES = [
    ("0.0.0.0", "0.255.255.255"), ("10.0.0.0", "10.255.255.255"), ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"), ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"), ("192.0.2.0", "192.0.2.255"),
    ("192.168.0.0", "192.168.255.255"), ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"), ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
]  # fmt: skip
EDGES_V6 = [
    ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("2001:db8::", "2001:db8:ffff::"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("64:ff9b:1::", "64:ff9b:1:ffff::"),
    ("100::", "100::ffff"), ("fc00::", "fdff::"), ("fe80::", "febf::"), ("fec0::", "feff::"),
    ("ff00::", "ffff::"), ("5f00::", "5f00::1"),
]  # fmt: skip


def allowed(host: str, rule: AddressRule = RULES[0]) -> bool:
    try:
        check_url(f"http://{host}/a.mp4", rule)
    except InputError:
        return False
    return True


@pytest.mark.parametrize(("first", "last"), EDGES + EDGES_V6)
def test_a_range_that_is_not_public_is_refused_from_its_first_address_to_its_last(first, last):
    for text in (first, last):
        host = f"[{text}]" if ":" in text else text
        assert not allowed(host)


@pytest.mark.parametrize(
    "host",
    ["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
     "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
     "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
     "[2000::1]", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "[64:ff9b::8.8.8.8]",
     "[2002:808:808::1]"],
)  # fmt: skip
def test_its_neighbours_are_public(host):
    assert allowed(host)


def spellings(address: ipaddress.IPv4Address) -> list[str]:
    a, b, c, d = address.packed
    number = int(address)
    return [
        str(number), hex(number), oct(number).replace("0o", "0"), f"0X{number:X}",
        f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{number & 0xFFFF}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a}.0x{number & 0xFFFFFF:x}", f"{a}.{b}.{c}.{d}.",
        f"[::ffff:{address}]", f"[::ffff:{a:x}{b:02x}:{c:x}{d:02x}]",
        f"[0:0:0:0:0:FFFF:{address}]", f"[64:ff9b::{address}]",
        f"[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]",
    ]  # fmt: skip


@given(st.integers(0, 2**32 - 1))
@example(int(ipaddress.IPv4Address("127.0.0.1")))
@example(int(ipaddress.IPv4Address("169.254.169.254")))
@example(int(ipaddress.IPv4Address("10.0.0.1")))
@example(int(ipaddress.IPv4Address("8.8.8.8")))
@example(0)
def test_every_spelling_of_an_address_has_the_verdict_of_the_plain_one(number):
    address = ipaddress.IPv4Address(number)
    for rule in RULES:
        verdict = allowed(str(address), rule)
        for host in spellings(address):
            assert (host, allowed(host, rule)) == (host, verdict)
            assert is_loopback(f"http://{host}/") == address.is_loopback


hosts = st.text("abz019.-_:@/\\#?%;,[]xX ", max_size=25)


@given(hosts, hosts)
@example("good.example#@127.0.0.1", "")
@example("good.example?@127.0.0.1", "")
@example("good.example/@127.0.0.1", "")
@example("good.example\\@127.0.0.1", "")
@example("good.example%2f@127.0.0.1", "")
@example("%31%32%37.0.0.1", "")
@example("127.0.0.1:80:x", "")
@example("[::1]x", "")
def test_what_is_let_through_is_read_the_same_by_everyone(host, rest):
    url = f"http://{host}{rest}"
    try:
        check_url(url, RULES[1])
    except InputError:
        return
    ours = urlsplit(url)
    try:
        prepared = requests.Request("GET", url).prepare().url
    except (requests.RequestException, UnicodeError):
        return  # refused there, too
    theirs = parse_url(prepared)
    assert (theirs.host or "").strip("[]") == ours.hostname
    assert (theirs.port or 80) == (ours.port or 80)
    assert theirs.auth is None


@given(st.text(max_size=60) | hosts.map(lambda host: f"https://{host}"))
def test_no_text_breaks_the_reading_of_addresses(text):
    assert isinstance(redact(text), str)
    assert isinstance(is_loopback(text), bool)
    try:
        origin = origin_of(text)
    except InputError:
        return
    assume("xn--" not in origin)
    assert origin_of(origin) == origin
    assert redact(text).startswith(origin)


@pytest.mark.parametrize(
    "host", ["a,b", "a(b)", "*.example", "a%41.example", "a;b", "a'b", "[fe80::1%25eth0]", "[v1.a]",
     "[::1%25lo]", "[::1%lo]", "[127.0.0.1]", "[localhost]", ".", "..", "-", "_"],
)  # fmt: skip
def test_a_host_of_odd_signs_is_none(host):
    assert not allowed(host, RULES[1])
