"""Proof before money: an address is read back before the service is asked to read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from urllib.parse import unquote, urlsplit

from ..addresses import AddressRule, is_plain, redact
from ..errors import HostingError, TransportError
from ..transport import Probe, Transport
from .host import Kind
from .sniff import CLIPS, FIRST_BYTES, PICTURES, sniff

_EXTENSIONS = {
    "picture": {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP"},
    "clip": {".mp4": "MP4", ".mov": "MOV", ".m4v": "MP4"},
}
_FORMATS = {"picture": PICTURES, "clip": CLIPS}
_WANTED = {"picture": "a PNG, JPEG or WebP picture", "clip": "an MP4, MOV or M4V clip"}
_FAMILY = {"picture": "image/", "clip": "video/"}
_FOREIGN = {"picture": ("video/", "audio/"), "clip": ("image/", "audio/")}
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/problem+json")

_MAX_PICTURE_BYTES = 10_000_000
"""Source: docs/service.md, "Media limits": pictures under 10 MB; read 2026-11-23."""

_SAFE_BYTES = {"picture": 5_000_000, "clip": 200_000_000}
"""Source: docs/service.md, "Media limits", the safe envelope; read 2026-11-23."""


@dataclass(frozen=True)
class Expected:
    """What a file of ours must come back as.

    Attributes:
        size_bytes: Its size.
        first_bytes: How it begins, at most `FIRST_BYTES`.
        may_be_unreachable: Its owner has said that its address works from outside, though it
            may not from here; then only a wrong answer is an error, and none a warning.
    """

    size_bytes: int
    first_bytes: bytes = field(repr=False)
    may_be_unreachable: bool = False

    @classmethod
    def of(cls, file: Path, *, may_be_unreachable: bool = False) -> Expected:
        """What to expect of this file."""
        with file.open("rb") as reader:
            first = reader.read(FIRST_BYTES)
        return cls(file.stat().st_size, first, may_be_unreachable)


def prove_readable(
    url: str,
    *,
    transport: Transport,
    rule: AddressRule,
    expected: Expected | None,
    kind: Kind,
    stop: Event,
) -> tuple[str, ...]:
    """Read the beginning of what lies at an address, as the service will.

    Args:
        url: The address, ours or typed in.
        transport: Speaks HTTP.
        rule: Which addresses may be read.
        expected: What must come back, for files of ours; None for a foreign address.
        kind: What it shall be.
        stop: Ends it within a second.

    Returns:
        Warnings, each of one or two sentences.

    Raises:
        InputError: The address is malformed, or not a public one.
        HostingError: What comes back is not what the service could use.
        Stopped: `stop` was set.
    """
    first_bytes = len(expected.first_bytes) if expected else FIRST_BYTES
    try:
        probe = transport.probe(url, rule=rule, first_bytes=max(1, first_bytes), stop=stop)
    except TransportError as error:
        if expected and expected.may_be_unreachable:
            return (
                f"{redact(url)} cannot be read from this machine. It is used because the owner "
                "of this installation has confirmed that it works from outside.",
            )
        raise HostingError(
            f"{redact(url)} cannot be reached from here, so the service most likely cannot read "
            f"it either. {_advice(ours=expected is not None)}"
        ) from error
    _check_answer(url, probe, ours=expected is not None)
    if expected:
        _check_same(url, probe, expected)
    else:
        _check_size(url, probe, kind)
    return tuple(_check_format(url, probe, kind, ours=expected is not None))


def _advice(*, ours: bool) -> str:
    if ours:
        return "Test the host on the settings page, or choose another host."
    return "Use a link that opens the file itself, for everybody and without a login."


def _check_answer(url: str, probe: Probe, *, ours: bool) -> None:
    """Refuse an error status and a page."""
    advice = _advice(ours=ours)
    if probe.status in {401, 403}:
        raise HostingError(
            f"Reading {redact(url)} was refused ({probe.status}): the link has expired, or needs "
            f"a login. {advice}"
        )
    if probe.status in {404, 410}:
        raise HostingError(f"There is no file at {redact(url)} ({probe.status}). {advice}")
    if probe.status not in {200, 206}:
        raise HostingError(
            f"Reading {redact(url)} gave status {probe.status} instead of a file. {advice}"
        )
    if probe.media_type in _PAGE_TYPES or sniff(probe.first) == "page":
        raise HostingError(f"{redact(url)} is a web page, not the file itself. {advice}")


def _check_same(url: str, probe: Probe, expected: Expected) -> None:
    """Refuse anything but the file that was put there."""
    advice = _advice(ours=True)
    if probe.total_bytes is None:
        raise HostingError(
            f"{redact(url)} does not state its size, so the upload cannot be checked. {advice}"
        )
    if probe.total_bytes != expected.size_bytes:
        raise HostingError(
            f"{redact(url)} has {probe.total_bytes} bytes; {expected.size_bytes} were uploaded. "
            f"{advice}"
        )
    if probe.first[: len(expected.first_bytes)] != expected.first_bytes:
        raise HostingError(f"{redact(url)} does not have the bytes that were uploaded. {advice}")


def _check_size(url: str, probe: Probe, kind: Kind) -> None:
    """Refuse a foreign file that is empty, or a picture that is documented as too large."""
    if probe.total_bytes == 0 or not probe.first:
        raise HostingError(f"The file at {redact(url)} is empty. {_advice(ours=False)}")
    if kind == "picture" and (probe.total_bytes or 0) > _MAX_PICTURE_BYTES:
        raise HostingError(
            f"The picture at {redact(url)} has {(probe.total_bytes or 0) / 1e6:.1f} MB; the "
            "service takes less than 10 MB. Use a smaller picture."
        )


def _check_format(url: str, probe: Probe, kind: Kind, *, ours: bool) -> list[str]:
    """Refuse what is surely of another kind; the warnings about the rest."""
    media_type, format_name = probe.media_type, sniff(probe.first)
    foreign_type = media_type.startswith(_FOREIGN[kind] + _TEXT_TYPES)
    if (format_name and format_name not in _FORMATS[kind]) or (foreign_type and not format_name):
        raise HostingError(
            f"{redact(url)} is {format_name or media_type}; the service takes {_WANTED[kind]}. "
            f"{_advice(ours=ours)}"
        )
    warnings: list[str] = []
    if not format_name:
        warnings.append(f"{redact(url)} does not look like {_WANTED[kind]}.")
    if not media_type.startswith(_FAMILY[kind]):
        warnings.append(
            f"{redact(url)} is served as “{media_type or 'no media type'}”; some services rely on "
            f"that and want {_FAMILY[kind]}…."
        )
    return warnings + _name_warnings(url, probe, kind, format_name=format_name) * (not ours)


def _name_warnings(url: str, probe: Probe, kind: Kind, *, format_name: str) -> list[str]:
    """What to say about a foreign address itself."""
    warnings: list[str] = []
    path = unquote(urlsplit(url).path).lower()
    told = next((f for end, f in _EXTENSIONS[kind].items() if path.endswith(end)), "")
    if not told:
        warnings.append(
            f"The path of {redact(url)} does not end in {', '.join(_EXTENSIONS[kind])}; some "
            "services rely on that."
        )
    elif format_name and told != format_name and kind == "picture":
        warnings.append(f"{redact(url)} is named like {told}, but is {format_name}.")
    if (probe.total_bytes or 0) > _SAFE_BYTES[kind]:
        warnings.append(
            f"{redact(url)} has {(probe.total_bytes or 0) / 1e6:.1f} MB; up to "
            f"{_SAFE_BYTES[kind] / 1e6:.0f} MB is known to be safe."
        )
    if not is_plain(url):
        warnings.append(
            f"The link to {redact(url)} carries a query, perhaps a signature: it can be read in "
            "the workflow and in ComfyUI's history."
        )
    return warnings
