"""Which addresses may be used: links of others must be public, what the owner configured is free.

A workflow or a reply could otherwise make this machine fetch from the network behind it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from .errors import InputError

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
"""Where every public IPv6 address lies; older Pythons call some of the rest global."""

_STAND_INS = ipaddress.ip_network("198.18.0.0/15")
_LOCAL_SUFFIXES = (
    ".local", ".localhost", ".localdomain", ".internal", ".intranet", ".lan", ".home.arpa",
)  # fmt: skip
_NAME = re.compile(r"[a-z0-9._-]*[a-z0-9][a-z0-9._-]*", re.IGNORECASE)
_LONGEST_URL = 4096
_SHOWN_PATH = 12
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)
AFTER_LINKS = ".,;:!?)]}"
"""Signs that end a sentence rather than a link."""


IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class AddressRule:
    """Which addresses one request may reach.

    Attributes:
        allow_loopback: This machine itself is allowed; so it is while the service runs on it.
        exempt: Exact origins, as `origin_of` writes them, that may be private. Link-local
            addresses stay forbidden even for them: cloud machines keep their credentials there.
    """

    allow_loopback: bool = False
    exempt: frozenset[str] = frozenset()

    def allows(self, address: IPAddress, origin: str, *, named: bool = False) -> bool:
        """Whether this address may be connected to for a link of this origin.

        Args:
            address: What would be connected to.
            origin: Of the link, as `origin_of` writes it.
            named: The link has a name, which was looked up. Proxies that sit in the network
                interface give every name a stand-in from a range that nobody uses otherwise.
        """
        bare = _embedded(address)
        if bare.is_link_local or bare.is_multicast or bare.is_unspecified:
            return False
        if origin in self.exempt:
            return True
        if bare.is_loopback:
            return self.allow_loopback
        if bare in _STAND_INS:
            return named
        return _is_public(bare)


def check_url(url: str, rule: AddressRule) -> None:
    """Refuse a link by its form, and by its host where that is an address or a local name.

    The addresses behind a name are checked when the connection is made.

    Raises:
        InputError: It is no plain http or https link, or it leads into a private network.
    """
    parts = _split(url)
    host = parts.hostname or ""
    origin = origin_of(url)
    address = _literal(host)
    if address is not None:
        if not rule.allows(address, origin):
            raise private_address(url)
    elif origin not in rule.exempt and _is_local_name(host):
        if host in {"localhost", "localhost."} and rule.allow_loopback:
            return
        raise private_address(url)


def private_address(url: str) -> InputError:
    """The error for a link into a network that is not public."""
    return InputError(
        f"The address {redact(url)} leads into a private network, which only this machine can "
        "reach. Use a public address, or one of the hosts in the settings."
    )


def origin_of(url: str) -> str:
    """Scheme, host and port in one canonical form, the default port left out.

    Raises:
        InputError: It is no plain http or https link.
    """
    parts = _split(url)
    host = (parts.hostname or "").lower().rstrip(".")
    shown = f"[{host}]" if ":" in host else host
    port = parts.port
    suffix = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{shown}{suffix}"


def redact(url: str) -> str:
    """A link as a message may show it: its origin and the end of its path, never a query.

    Of a long path only the end is shown, since many a link is secret by its path alone.
    """
    try:
        parts = _split(url)
    except InputError:
        return "(no valid address)"
    origin, path = origin_of(url), parts.path.rstrip("/")
    if len(path) <= _SHOWN_PATH + 1 and "/" not in path[1:]:
        return origin + path
    return f"{origin}/…{path.rsplit('/', 1)[-1][-_SHOWN_PATH:]}"


def redact_links(text: str) -> str:
    """A text of others with its links as `redact` shows them."""

    def shown(found: re.Match[str]) -> str:
        link = found.group().rstrip(AFTER_LINKS)
        return redact(link) + found.group()[len(link) :]

    return _LINK.sub(shown, text)


def is_plain(url: str) -> bool:
    """Whether a link carries no query, so that it can hold no signature."""
    try:
        parts = _split(url)
    except InputError:
        return False
    return not parts.query and not parts.fragment and "?" not in url


def is_loopback(url: str) -> bool:
    """Whether a link leads to this very machine."""
    try:
        host = (_split(url).hostname or "").rstrip(".")
    except InputError:
        return False
    address = _literal(host)
    return host == "localhost" if address is None else _embedded(address).is_loopback


def _split(url: str) -> SplitResult:
    wrong = ""
    if len(url) > _LONGEST_URL:
        wrong = f"has {len(url)} characters; at most {_LONGEST_URL} are allowed"
    elif not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        wrong = "contains spaces or characters that are not plain ASCII"
    if wrong:
        raise InputError(f"The address {wrong}. Copy it again, with %20 for a space.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(
            "The address is malformed. Write it like https://example.org/clip.mp4."
        ) from error
    if parts.scheme not in _PORTS:
        seen = f"begins with “{parts.scheme[:20]}:”" if parts.scheme else "has no https:// in front"
        raise InputError(
            f"The address {seen}; only http:// and https:// work. Write it like "
            "https://example.org/clip.mp4."
        )
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "The address contains a user name or a password. Use a link that works without them."
        )
    if not host or port == 0 or "\\" in url or not _is_host(host, bracketed="[" in parts.netloc):
        raise InputError(
            "The address has no host name. Write it like https://example.org/clip.mp4."
        )
    return parts


def _is_host(host: str, *, bracketed: bool) -> bool:
    if not bracketed:
        return _NAME.fullmatch(host) is not None
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return "%" not in host


def _literal(host: str) -> IPAddress | None:
    """The address that a host is, in any spelling that systems take for one."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return _odd_ipv4(host)


def _odd_ipv4(host: str) -> IPAddress | None:
    """127.1, 0x7f000001, 2130706433 and 0177.0.0.1 are addresses to most systems."""
    fields = host.rstrip(".").split(".")
    if not 1 <= len(fields) <= 4:
        return None
    if not all(re.fullmatch(r"0[xX][0-9a-fA-F]*|[0-9]+", field) for field in fields):
        return None
    try:
        numbers = [_number(field) for field in fields]
    except ValueError:
        return None
    *heads, last = numbers
    if any(head > 255 for head in heads) or last >= 256 ** (5 - len(numbers)):
        return None
    value = last
    for place, head in enumerate(heads):
        value += head << (8 * (3 - place))
    return ipaddress.IPv4Address(value)


def _number(field: str) -> int:
    if field[:2].lower() == "0x":
        return int(field[2:] or "0", 16)
    return int(field, 8) if len(field) > 1 and field.startswith("0") else int(field)


def _embedded(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC_V6:
        return False
    return address.is_global and not address.is_reserved


def _is_local_name(host: str) -> bool:
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(_LOCAL_SUFFIXES)
