"""Words of others as they may be shown: no signed link and no key, however they are spelled.

A message may hold a link as JSON or a page writes it, percent-encoded, without its scheme, or
only the end of it. Spellings are undone first, so that one rule meets them all.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from .addresses import AFTER_LINKS, redact_links

_ESCAPED = re.compile(r"(?<!\\)\\+(?:u00([2-7][0-9a-f])|([/\"']))", re.IGNORECASE)
_AMPERSAND = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)
_ENCODED_LINK = re.compile(
    r"(?<![a-z0-9])[a-z][a-z0-9+.-]{0,20}%(?:25)*3A%(?:25)*2F%(?:25)*2F[^\s\"'<>]+", re.IGNORECASE
)
_MOST_ENCODINGS = 3

_ASKS = r"(?:\?|%(?:25)*3F)"
_AND = r"(?:[&;]|%(?:25)*26)"
_IS = r"(?:=|%(?:25)*3D)"
_REST = r"[^\s\"'<>]+"
_PLAIN_SIGNS = (
    r"(?:X-(?:Amz|Goog|Oss|Cos|Tos|Obs|Ms)-[\w-]+|AWSAccessKeyId|OSSAccessKeyId|GoogleAccessId"
    r"|Key-Pair-Id|q-(?:sign|ak|key)[\w-]*)"
)
"""Names that nothing but a signature has: they need no mark before them."""

_SIGNS = (
    r"(?:sig|sign|key|auth|authorization|hmac|hash|jwt|mac|policy|expires?|credentials?"
    r"|[\w-]{0,40}(?:signature|token|secret|access[_-]?key|api[_-]?key|passw)[\w-]{0,40}"
    rf"|s[epv](?={_IS}{_REST}{_AND}sig{_IS}))"
)
"""Names in a query whose values may open something. Azure's `se`, `sp` and `sv` go with `sig`."""

_QUERY = re.compile(rf"(?<=\S)({_ASKS})[\w.-]{{1,80}}{_IS}{_REST}", re.IGNORECASE)
_SIGNED = re.compile(
    rf"((?:(?:{_ASKS}|{_AND}){_SIGNS}|(?<![\w-]){_PLAIN_SIGNS}){_IS}){_REST}", re.IGNORECASE
)
_LONG_SEGMENT = re.compile(r"(/|%(?:25)*2F)[\w.~+-]{28,}([\w.~+-]{12})", re.IGNORECASE)
"""Many a link is secret by its path alone."""


def unescaped(words: str) -> str:
    """Words with what JSON and pages write for a sign undone."""
    plain = _ESCAPED.sub(lambda found: found[2] or chr(int(found[1], 16)), words)
    return _AMPERSAND.sub("&", plain)


def without_secret(words: str, secret: str) -> str:
    """Words without a secret of ours that they repeat, also where it is percent-encoded."""
    signs = (f"(?:{re.escape(sign)}|%(?:25)*(?i:{ord(sign):02x}))" for sign in secret)
    return re.sub("".join(signs), "(key)", words)


def without_signatures(words: str) -> str:
    """Words with links as `redact` shows them, and without signatures where there is no link."""
    for _ in range(_MOST_ENCODINGS):
        words = _ENCODED_LINK.sub(lambda found: unquote(found.group()), words)
    words = _QUERY.sub(_hidden, redact_links(words))
    return _LONG_SEGMENT.sub(r"\1…\2", _SIGNED.sub(_hidden, words))


def _hidden(found: re.Match[str]) -> str:
    whole = found.group()
    return found[1] + "…" + whole[len(whole.rstrip(AFTER_LINKS)) :]
