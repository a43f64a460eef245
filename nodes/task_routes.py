"""The tasks panel's side of the server."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from ..utils.errors import WanAnimateError
from ..utils.ledger.rows import TaskRow
from ..utils.ledger.spending import Spent
from ..utils.ledger.states import State
from ..utils.tasks.desk import THUMBNAILS
from ..utils.tasks.service import TaskService
from . import _host as host
from .gates import Body, RefusedError, refuse_other_sites
from .session import service, settings_store
from .workers import DECIDING, READING

_PAGE = 1000
_SHOWN_PROMPT = 200
_MOST_USUAL = 20
_PLAIN = (
    "id", "practice", "task_id", "kind", "resolution", "clip_s", "billable_s",
    "created_at", "submitted_at", "finished_at", "file", "fail_code", "fail_message", "note",
)  # fmt: skip
_WAITING = frozenset({State.SUBMITTED, State.RUNNING})


async def listing(request: web.Request, _: Body) -> dict[str, Any]:
    """Every task; the newest few, which are quickly there; or those changed after a revision."""
    since, newest = _number(request, "since"), _number(request, "newest")
    if newest:
        return await READING.run(lambda: _newest(service(), min(newest, _PAGE)))
    return await READING.run(lambda: _listed(service(), since))


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise RefusedError(f"“{name}” is not a whole number. Leave it out.", status=400)
    return int(text or 0)


def _newest(tasks: TaskService, limit: int) -> dict[str, Any]:
    return _reply(tasks, tasks.rows(limit=limit), revision=0, whole=False)


def _listed(tasks: TaskService, since: int) -> dict[str, Any]:
    rows: list[TaskRow] = []
    revision = since
    # By revision, so that a row which changes meanwhile comes again and none is passed over.
    while True:
        page = tasks.changed_since(revision, limit=_PAGE)
        rows += page
        revision = page[-1].revision if page else revision
        if len(page) < _PAGE:
            break
    return _reply(tasks, rows, revision=revision, whole=since == 0)


def _reply(
    tasks: TaskService, rows: list[TaskRow], *, revision: int, whole: bool
) -> dict[str, Any]:
    usual = _usual(tasks, rows)
    return {
        "rows": [_public(row) | {"usual": usual.get(row.id)} for row in rows],
        "revision": revision,
        "count": tasks.count(),
        "whole": whole,
    }


def _public(row: TaskRow) -> dict[str, Any]:
    """What a page may know of a row: no link, no token, no digest."""
    plain = {name: getattr(row, name) for name in _PLAIN}
    return plain | {
        "state": row.state.value,
        "prompt": row.prompt[:_SHOWN_PROMPT],
        "thumbnail": bool(row.thumbnail),
    }


def _usual(tasks: TaskService, rows: Iterable[TaskRow]) -> dict[int, tuple[float, float] | None]:
    """How long tasks like those under way took here; for the newest of them only."""
    waiting = [row for row in rows if row.state in _WAITING and row.billable_s is not None]
    return {
        row.id: tasks.spending.usual_s(
            row.kind, resolution=row.resolution, billable_s=row.billable_s or 0
        )
        for row in waiting[-_MOST_USUAL:]
    }


async def spending(_: web.Request, __: Body) -> dict[str, Any]:
    """Billable seconds day by day, and the user's own prices."""
    prices = settings_store().load().prices
    days = await READING.run(lambda: service().spending.by_day(start=0, end=float(2**62)))
    return {
        "today": datetime.date.today().isoformat(),
        "days": [_day(spent) for spent in days],
        "prices": {name: None if price is None else str(price) for name, price in prices.items()},
    }


def _day(spent: Spent) -> dict[str, Any]:
    return {
        "day": spent.day.isoformat(),
        "resolution": spent.resolution,
        "seconds": spent.seconds,
    }


async def thumbnail(request: web.Request) -> web.StreamResponse:
    """The small picture of a task's character."""
    try:
        refuse_other_sites(request)
        row = await READING.run(lambda: service().row(int(request.match_info["row"][:18])))
    except (ValueError, WanAnimateError, RefusedError):
        return web.Response(status=404)
    folder = host.folders().state / THUMBNAILS
    path = folder / row.thumbnail
    if not row.thumbnail or path.parent != folder or not path.is_file():
        return web.Response(status=404)
    headers = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return web.FileResponse(path, headers=headers)


async def collect(_: web.Request, body: Body) -> dict[str, Any]:
    """Ask the service about a task now, and fetch what it made."""

    def work() -> None:
        tasks = service()
        row = tasks.row(body["row"])
        if row.state in _WAITING:
            tasks.check_askable(row)
        if not tasks.poke(row.id):
            tasks.collect(row.task_id)

    await DECIDING.run(work)
    return {}


async def adopt(_: web.Request, body: Body) -> dict[str, Any]:
    """Give a row of unknown fate the id that the user found."""
    row = await DECIDING.run(lambda: service().adopt(body["row"], body["task_id"].strip()))
    return _changed(row.revision)


async def abandon(_: web.Request, body: Body) -> dict[str, Any]:
    """Take the user's word that a row of unknown fate was never sent."""
    row = await DECIDING.run(lambda: service().abandon(body["row"]))
    return _changed(row.revision)


async def forget(_: web.Request, body: Body) -> dict[str, Any]:
    """Delete a row that has ended."""
    row = await DECIDING.run(lambda: service().forget(body["row"]))
    return _changed(row.revision)


def _changed(revision: int) -> dict[str, Any]:
    host.send_event("apixo.tasks", {"revision": revision})
    return {}
