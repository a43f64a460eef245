"""What a file is, by its first bytes."""

from __future__ import annotations

FIRST_BYTES = 4096
"""How much of a file is read back and compared."""

PICTURES = frozenset({"PNG", "JPEG", "WebP"})
CLIPS = frozenset({"MP4", "MOV"})
"""Source: docs/service.md, "Body of the submit" and "Media limits", read 2026-11-23."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (b"OggS", "Ogg"),
    (b"FLV\x01", "FLV"),
    (b"%PDF-", "PDF"),
    (b"PK\x03\x04", "ZIP"),
)
_RIFF = {b"WEBP": "WebP", b"AVI ": "AVI", b"WAVE": "WAV"}
_STILL_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"mif1": "HEIC",
}
_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")


def sniff(first: bytes) -> str:
    """Name the format of a file; "page" for HTML, "" where it is none we know.

    Args:
        first: Its first bytes, at least 16 where it has as many.
    """
    for magic, name in _MAGIC:
        if first.startswith(magic):
            return name
    if first[:4] == b"RIFF":
        return _RIFF.get(first[8:12], "")
    if first[4:8] == b"ftyp":
        if first[8:12] in _STILL_BRANDS:
            return _STILL_BRANDS[first[8:12]]
        return "MOV" if first[8:12] == b"qt  " else "MP4"
    if first[4:8] in _ATOMS:
        return "MOV"
    return "page" if _is_page(first) else ""


def _is_page(first: bytes) -> bool:
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    while text.startswith(b"<!--") and b"-->" in text:
        text = text.split(b"-->", 1)[1].lstrip()
    return text.startswith(_PAGE_STARTS)
