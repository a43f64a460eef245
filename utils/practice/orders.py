"""What a submit asks for, checked as strictly as the remote service documents it.

The spellings are written down here a second time on purpose: a stand-in that shared them with
`utils/apixo` could not notice a mistake in either.

Source:
    docs/service.md, "Body of the submit", read 2026-11-23.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, cast
from urllib.parse import urlsplit

from .prompts import PromptError, Wishes, read_wishes

PICTURE_EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp")
CLIP_EXTENSIONS = (".mp4", ".mov", ".m4v")
MOST_SEED = 2_147_483_647
_TOP_FIELDS = {"request_type", "callback_url", "provider", "input"}
_INPUT_FIELDS = {"mode", "type", "image_urls", "video_urls", "prompt", "resolution", "seed"}


class OrderError(Exception):
    """The body is refused with 400; the text says why."""


@dataclass(frozen=True)
class Order:
    """A submit that was found right."""

    type: str
    image_url: str
    video_url: str
    prompt: str
    resolution: str
    seed: int
    provider: str
    callback_url: str
    wishes: Wishes


def read_order(body: bytes) -> Order:
    """Check the body of a submit.

    Raises:
        OrderError: Anything in it is not as documented.
    """
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise OrderError("the body is not JSON") from error
    top = _fields(whole, "the body", _TOP_FIELDS)
    given = _fields(top.get("input"), "input", _INPUT_FIELDS)
    request_type = _one_of(top, "request_type", ("async", "callback"), default="async")
    _one_of(given, "input.mode", ("standard",))
    prompt = given.get("prompt")
    if prompt is not None or "prompt" in given:
        prompt = _text(prompt, "input.prompt")
    try:
        wishes = read_wishes(prompt or "")
    except PromptError as error:
        raise OrderError(str(error)) from error
    return Order(
        type=_one_of(given, "input.type", ("animate", "replace")),
        image_url=_one_url(given, "image_urls", PICTURE_EXTENSIONS),
        video_url=_one_url(given, "video_urls", CLIP_EXTENSIONS),
        prompt=prompt or "",
        resolution=_one_of(given, "input.resolution", ("480p", "720p"), default="480p"),
        seed=_seed(given),
        provider=_one_of(top, "provider", ("auto", "value", "official"), default="auto"),
        callback_url=_callback(top, request_type),
        wishes=wishes,
    )


def _fields(value: object, name: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OrderError(f"{name} must be an object")
    fields = cast("dict[str, Any]", value)
    unknown = sorted(set(fields) - known)
    if unknown:
        raise OrderError(f"{name} has the unknown field {unknown[0]!r}")
    return fields


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise OrderError(f"{name} must be a text that is not empty, or be left out")
    return value


def _one_of(
    fields: dict[str, Any], name: str, allowed: tuple[str, ...], *, default: str = ""
) -> str:
    value = fields.get(name.rpartition(".")[2], default)
    if not isinstance(value, str) or value not in allowed:
        raise OrderError(f"{name} must be one of {', '.join(allowed)}")
    return value


def _seed(fields: dict[str, Any]) -> int:
    value = fields.get("seed", -1)
    if type(value) is not int or not -1 <= value <= MOST_SEED:
        raise OrderError(f"input.seed must be a whole number from -1 to {MOST_SEED}")
    return value


def _one_url(fields: dict[str, Any], name: str, extensions: tuple[str, ...]) -> str:
    value = fields.get(name)
    if not isinstance(value, list) or len(cast("list[object]", value)) != 1:
        raise OrderError(f"input.{name} must be an array of exactly one URL")
    url = cast("list[object]", value)[0]
    if not isinstance(url, str):
        raise OrderError(f"input.{name} must hold a text")
    path = _url_path(url, f"input.{name}")
    if PurePosixPath(path).suffix.lower() not in extensions:
        raise OrderError(f"input.{name}: the URL's path must end in {', '.join(extensions)}")
    return url


def _url_path(url: str, name: str, schemes: tuple[str, ...] = ("http", "https")) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise OrderError(f"{name} is not a URL") from error
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or parts.scheme not in schemes or not host:
        raise OrderError(f"{name} must be a URL of {' or '.join(schemes)} in plain ASCII")
    return parts.path


def _callback(fields: dict[str, Any], request_type: str) -> str:
    if "callback_url" not in fields:
        if request_type == "callback":
            raise OrderError("callback_url is required with request_type callback")
        return ""
    url = _text(fields["callback_url"], "callback_url")
    # The remote service wants HTTPS; a ComfyUI on this machine has none.
    loopback = url.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:"))
    _url_path(url, "callback_url", ("http", "https") if loopback else ("https",))
    return url if request_type == "callback" else ""
