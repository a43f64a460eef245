"""What the outside world may call: published files for the service, and its callbacks.

These routes ask for no origin: whoever knows the token may call them, and nobody else learns
anything.
"""

from __future__ import annotations

from functools import partial

from aiohttp import web

from ..utils.clock import SystemClock
from ..utils.errors import WanAnimateError
from ..utils.hosting.published import FileAnswer, FileRequest, PublishedFiles
from . import _host as host
from .gates import RefusedError, read_small
from .session import service
from .workers import CALLBACKS, PUBLISHED

MOST_CALLBACK_BYTES = 64 * 1024
_PIECE_BYTES = 256 * 1024


async def callback(request: web.Request) -> web.Response:
    """The service says that a task has ended; the body proves nothing, so it is only a hint."""
    try:
        body = await read_small(request, MOST_CALLBACK_BYTES)
        known = await CALLBACKS.run(lambda: service().callback(request.match_info["token"], body))
    except RefusedError as error:
        return web.Response(status=error.status)
    except WanAnimateError:
        return web.Response(status=503)
    return web.json_response({"ok": True}) if known else web.Response(status=404)


async def published(request: web.Request) -> web.StreamResponse:
    """A file that the pack itself has published, to whoever holds its link."""
    asked = FileRequest(
        method=request.method,
        token=request.match_info["token"],
        range_header=request.headers.get("Range", ""),
        if_range=request.headers.get("If-Range", ""),
    )
    try:
        answer = await PUBLISHED.run(
            lambda: PublishedFiles(host.folders().state, SystemClock()).answer(asked)
        )
    except WanAnimateError:
        answer = FileAnswer(404)
    if answer.file is None or request.method == "HEAD":
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body or None)
    return await _send(request, answer)


async def _send(request: web.Request, answer: FileAnswer) -> web.StreamResponse:
    """Send the asked piece of a file, some of it at a time."""
    assert answer.file is not None  # noqa: S101 - the caller has looked
    try:
        reader = await PUBLISHED.run(partial(answer.file.open, "rb"))
    except OSError:
        return web.Response(status=404)
    reply = web.StreamResponse(status=answer.status, headers=answer.headers)
    with reader:
        await PUBLISHED.run(partial(reader.seek, answer.window.start))
        await reply.prepare(request)
        left = answer.window.length
        while left > 0:
            piece = await PUBLISHED.run(partial(reader.read, min(_PIECE_BYTES, left)))
            if not piece:
                break
            left -= len(piece)
            await reply.write(piece)
    return reply
