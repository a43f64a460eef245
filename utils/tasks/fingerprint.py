"""What makes two requests the same: docs/design.md, "Fingerprint"."""

from __future__ import annotations

from blake3 import blake3

from ..apixo.request import MODEL, WanOptions
from ..ledger.rows import PRACTICE_ORIGIN


def fingerprint(origin: str, options: WanOptions, *, character: str, motion: str) -> str:
    """Identify a request.

    Args:
        origin: Origin of the service, or `PRACTICE_ORIGIN`.
        options: What the service is told beside the media.
        character: Digest of the picture, or the exact address of a foreign one.
        motion: Digest of the clip, with its sound where that goes up, or its exact address.

    Returns:
        64 hexadecimal digits.
    """
    digest = blake3()
    fields = (
        "apixo wan animate request 1",
        "practice" if origin == PRACTICE_ORIGIN else "real",
        origin,
        MODEL,
        options.type,
        options.resolution,
        options.prompt.strip(),
        str(options.seed),
        options.provider,
        character,
        motion,
    )
    for field in fields:
        data = field.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def link_digest(url: str) -> str:
    """What stands for an address where the address itself must not be written down."""
    return blake3(b"apixo wan animate link 1" + url.encode("utf-8", "surrogatepass")).hexdigest()


def token_digest(token: str) -> str:
    """What stands for the token of a callback address."""
    return blake3(b"apixo wan animate token 1" + token.encode("utf-8", "surrogatepass")).hexdigest()
