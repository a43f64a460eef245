"""Why a task failed, sorted by what can be done about it.

Fail codes come in two generations, as in `NSFW_DETECTED` and `SensitiveContentDetected`, and
neither list is complete: a code is sorted by the words in it. Source: docs/service.md, "Errors".
"""

from __future__ import annotations

import re
from enum import Enum


class Family(Enum):
    """What a fail code is about."""

    CONTENT = "content"
    CREDIT = "credit"
    PROMPT = "prompt"
    MEDIA_FETCH = "media fetch"
    MEDIA_FORMAT = "media format"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    OTHER = "other"


# In this order: the first family one of whose words is in the code has it.
_WORDS: tuple[tuple[Family, frozenset[str]], ...] = (
    (
        Family.CONTENT,
        frozenset({"content", "nsfw", "sensitive", "violation", "moderation", "safety", "policy",
                   "copyright", "prohibited", "unsafe"}),
    ),
    (Family.CREDIT, frozenset({"credit", "credits", "balance", "funds", "quota", "payment",
                               "billing"})),
    (Family.PROMPT, frozenset({"prompt", "text"})),
    (Family.MEDIA_FETCH, frozenset({"download", "fetch", "url", "urls", "unreachable"})),
    (Family.TIMEOUT, frozenset({"timeout", "timed", "expired", "deadline"})),
    (
        Family.UNAVAILABLE,
        frozenset({"unavailable", "overloaded", "busy", "maintenance", "capacity", "resources",
                   "internal", "server"}),
    ),
    (
        Family.MEDIA_FORMAT,
        frozenset({"image", "video", "format", "unsupported", "resolution", "duration", "size",
                   "large", "small", "aspect", "ratio", "codec", "file", "media", "dimension",
                   "dimensions", "face", "person", "pose"}),
    ),
)  # fmt: skip

_ADVICE = {
    Family.CONTENT: "The service refuses this picture, clip or prompt; use others, since the same "
    "ones will be refused again.",
    Family.CREDIT: "Add credit at APIXO, then run again.",
    Family.PROMPT: "Shorten or reword the prompt, then run again.",
    Family.MEDIA_FETCH: "The service could not read the media at their address; check the host in "
    "the settings, or choose another one on the node, then run again.",
    Family.MEDIA_FORMAT: "Use another picture or clip, preferably a clear view of one person, "
    "MP4 with H.264, at most 120 s; then run again.",
    Family.TIMEOUT: "Run again; if that does not help, use a shorter clip or 480p.",
    Family.UNAVAILABLE: "The service has a problem at the moment; run again later.",
    Family.OTHER: "Run again; if that does not help, change the seed or ask APIXO's support "
    "with the task id.",
}


def family_of(code: str) -> Family:
    """The family of a fail code; OTHER for one that says nothing."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", code)
    words = set(re.split(r"[^a-z0-9]+", spaced.lower()))
    return next((family for family, known in _WORDS if words & known), Family.OTHER)


def advice(code: str) -> str:
    """What to do about a failed task, in a sentence."""
    return _ADVICE[family_of(code)]
