"""Damaged pictures and damaged replies; the same generator of chance gives the same damage."""

from __future__ import annotations

import copy
import gzip
import json
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

_ENDS = (0, 1, 2, 255, 256, 4096, 65535, 2**20, 2**30, 2**31 - 1, 2**31, 2**32 - 1)


def mutated_picture(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """One damaged picture; chunks of a PNG get a checksum that fits in half of the cases."""
    content = bytearray(chance.choice(seeds))
    for _ in range(1 + int(chance.expovariate(0.8))):
        _spoil(chance, content, chance.choice(seeds))
        if not content:
            break
    return _checked(bytes(content)) if chance.random() < 0.5 else bytes(content)


def _spoil(chance: Random, content: bytearray, other: bytes) -> None:
    near = min(len(content), 64) if chance.random() < 0.6 else len(content)
    at = chance.randrange(near)
    match chance.randrange(6):
        case 0:
            content[at] ^= 1 << chance.randrange(8)
        case 1:
            width = chance.choice((1, 2, 4))
            value = chance.choice(_ENDS) & ((1 << (8 * width)) - 1)
            content[at : at + width] = value.to_bytes(width, chance.choice(("big", "little")))
        case 2:
            del content[at:]
        case 3:
            del content[at : at + chance.choice((1, 4, 40))]
        case 4:
            content[at:at] = chance.randbytes(chance.choice((1, 4, 300)))
        case _:
            start = chance.randrange(len(other))
            content[at : at + 60] = other[start : start + 60]


def _checked(content: bytes) -> bytes:
    """A PNG whose checksums are right, so that what is wrong is read at all."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return content
    out, at = bytearray(content), 8
    while at + 12 <= len(out):
        size = int.from_bytes(out[at : at + 4], "big")
        if at + 12 + size > len(out):
            break
        check = zlib.crc32(out[at + 4 : at + 8 + size])
        out[at + 8 + size : at + 12 + size] = check.to_bytes(4, "big")
        at += 12 + size
    return bytes(out)


# Replies

_TASK = "task-7f3a"
_URLS = json.dumps({"resultUrls": ["https://cdn.example.test/a.mp4"]})
_STATUS = {"taskId": _TASK, "state": "success", "createTime": 1, "completeTime": 2, "costTime": 1,
           "resultJson": _URLS}  # fmt: skip
REPLIES: dict[str, list[dict[str, Any]]] = {
    "submit": [{"code": 200, "message": "success", "data": {"taskId": _TASK}}],
    "status": [
        {"code": 200, "message": "success", "data": _STATUS},
        {"code": 200, "message": "success", "data": {"taskId": _TASK, "state": "processing"}},
        {"code": 200, "message": "success",
         "data": {"taskId": _TASK, "state": "failed", "failCode": "NSFW", "failMsg": "no"}},
        {"code": 404, "message": "no such task", "data": None},
    ],
    "balance": [{"code": 200, "message": "success", "data": 12.5}],
}  # fmt: skip
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, 10**30, 200, "200", "", " ", "success", [], {}, [[]],
    "\ud800", "\0", "a" * 5000, "https://x.test/?sig=1", {"error": {"code": "X", "message": []}},
    float("nan"), float("inf"), "۲۰۰", "{}", '{"resultUrls":[]}', ["https://a.test/ä b"],
)  # fmt: skip
_STATUSES = (200, 200, 200, 200, 201, 202, 204, 206, 301, 302, 304, 307, 400, 401, 402, 403, 404,
             408, 409, 418, 425, 429, 451, 499, 500, 502, 503, 504, 520, 599, 999)  # fmt: skip


def mutated_reply(chance: Random, call: str) -> bytes:
    """A whole HTTP answer as it goes over the wire, wrong in its JSON, its bytes or its head."""
    answer = json.loads(json.dumps(chance.choice(REPLIES[call])))
    for _ in range(int(chance.expovariate(0.7))):
        answer = _changed(chance, answer)
    body = json.dumps(answer).encode()
    if chance.random() < 0.3:
        body = _bytes(chance, body)
    return _message(chance, body)


def _changed(chance: Random, value: Any) -> Any:
    """A JSON value in which one place is another."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        name = chance.choice(list(value))
        match chance.randrange(5):
            case 0:
                del value[name]
            case 1:
                value[chance.choice(("code", "data", "state", "taskId", name.upper()))] = (
                    copy.deepcopy(chance.choice(_ODD))
                )
            case _:
                value[name] = _changed(chance, value[name])
        return value
    if isinstance(value, list) and value and chance.random() < 0.5:
        return [copy.deepcopy(item) for item in value * chance.choice((0, 2, 50))]
    return copy.deepcopy(chance.choice(_ODD))


def _bytes(chance: Random, body: bytes) -> bytes:
    match chance.randrange(7):
        case 0:
            return body[: chance.randrange(len(body) + 1)]
        case 1:
            return b"<html><body>gateway</body></html>"
        case 2:
            return chance.randbytes(chance.randrange(400))
        case 3:
            return b"[" * chance.choice((10, 5000, 100_000))
        case 4:
            return b"\xef\xbb\xbf" + body
        case 5:
            return body.decode().encode("utf-16")
        case _:
            changed = bytearray(body)
            for _ in range(chance.choice((1, 5, 40))):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            return bytes(changed)


def _message(chance: Random, body: bytes) -> bytes:
    head = [f"HTTP/1.1 {chance.choice(_STATUSES)} Said".encode()]
    length: object = len(body)
    odd = chance.random()
    if odd < 0.06:
        body = gzip.compress(body, mtime=0)
        head.append(b"Content-Encoding: gzip")
        length = len(body)
    elif odd < 0.10:
        head.append(b"Content-Encoding: " + chance.choice((b"gzip", b"deflate", b"br", b"x", b"")))
    if odd > 0.94:
        length = chance.choice((0, len(body) + 7, max(0, len(body) - 3), "x", -1, "", 2**63))
    if 0.88 < odd < 0.91:
        head.append(b"Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) + chance.choice((0, 0, 1, 99)), body)
    else:
        head.append(f"Content-Length: {length}".encode())
    if chance.random() < 0.2:
        head.append(
            chance.choice(
                (b"Retry-After: 5", b"Retry-After: x", b"Retry-After: -1", b"Retry-After: 1e9",
                 b"Location: /elsewhere", b"Location: http://[", b"Content-Type: \xff\xfe",
                 b"no colon here", b"Set-Cookie: a=b; expires=never", b": empty",
                 b"X: " + b"y" * 9000,
                 b"Content-Type: text/html; charset=nonsense", b"Connection: close")
            )
        )  # fmt: skip
    message = b"\r\n".join(head) + b"\r\n\r\n" + body
    if chance.random() < 0.04:
        changed = bytearray(message)
        for _ in range(3):
            changed[chance.randrange(min(len(changed), 80))] = chance.randrange(256)
        return bytes(changed)
    return message
