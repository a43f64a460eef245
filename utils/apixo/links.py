"""The links of a result, in every form in which they may come.

What was paid for must not be lost over a spelling: names and nesting are read tolerantly, and
whoever fetches makes sure that a link leads to a clip. Source: docs/service.md, "Answers".
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote, urlsplit

from .envelope import as_object, read_json

MOST_LINKS = 16
_MOST_NESTING = 6
_LONGEST_LINK = 8192
_RESULTS = ("resultJson", "resultUrls", "resultUrl", "result_urls", "result_url")
"""Where a task has its result; other links in it may be those of its own inputs."""

_NAMES = (*_RESULTS, "urls", "url")
_WEB = re.compile(r"https?://[^/]", re.IGNORECASE)
_CLIP = re.compile(r"\.(mp4|m4v|mov|webm|mkv|avi)$", re.IGNORECASE)


def result_links(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The links of a task's result: clips by their name first, none twice, at most `MOST_LINKS`.

    Args:
        data: What the service says of the task.
    """
    found = dict.fromkeys(
        _encoded(link) for name in _RESULTS for link in _links(data.get(name), left=_MOST_NESTING)
    )
    return tuple(sorted(found, key=lambda link: not _is_clip(link))[:MOST_LINKS])


def _links(value: object, *, left: int) -> Iterator[str]:
    """The links in a text, a list or an object, in their order."""
    if left <= 0:
        return
    if isinstance(value, str):
        text = value.strip()
        if _WEB.match(text):
            if len(text) <= _LONGEST_LINK:
                yield text
        elif text[:1] in {"[", "{", '"'}:
            yield from _links(read_json(text), left=left - 1)
    elif isinstance(value, list):
        for part in cast("list[object]", value):
            yield from _links(part, left=left - 1)
    else:
        known = as_object(value) or {}
        for name in _NAMES:
            yield from _links(known.get(name), left=left - 1)


def _encoded(link: str) -> str:
    """A link with everything percent-encoded that no link can hold, as browsers do it."""
    return quote(link, safe=string.punctuation, errors="replace")


def _is_clip(link: str) -> bool:
    try:
        return _CLIP.search(urlsplit(link).path) is not None
    except ValueError:
        return False
