"""A pack for tests only: lets them see and slow down what runs inside a real ComfyUI."""

import sys
import threading

from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS = {}

_texts = []
_release = threading.Event()
_send = PromptServer.instance.send_progress_text


def _record(text, node_id, sid=None):
    _texts.append(text)
    return _send(text, node_id, sid)


PromptServer.instance.send_progress_text = _record


def _module(ending):
    return next(m for name, m in list(sys.modules.items()) if name.endswith(ending))


def _practice():
    remotes = _module(".nodes.session").service()._remotes
    remotes.practice_origin()
    return remotes._practice


@PromptServer.instance.routes.get("/probe/texts")
async def texts(request):
    return web.json_response(_texts)


@PromptServer.instance.routes.post("/probe/hold")
async def hold(request):
    """Hold the answers of one route of the practice service back until `release`."""
    global _release
    wish = await request.json()
    _release.set()
    _release = threading.Event()
    faults = _module(".utils.practice.faults")
    plan = faults.FaultPlan()
    plan.add(wish["route"], faults.held(_release, limit_s=300.0), path=wish.get("path", ""))
    _practice()._routes.faults = plan
    _texts.clear()
    return web.json_response({})


@PromptServer.instance.routes.post("/probe/unending")
async def unending(request):
    """No task ends until `release`, however often it is asked about."""
    faults = _module(".utils.practice.faults")
    plan = faults.FaultPlan()
    edit = faults.edited(lambda a: {**a, "data": {**a["data"], "state": "processing"}})
    plan.add("status", edit, times=10**6)
    _practice()._routes.faults = plan
    return web.json_response({})


@PromptServer.instance.routes.post("/probe/release")
async def release(request):
    _release.set()
    _practice()._routes.faults = None
    _texts.clear()
    return web.json_response({})


@PromptServer.instance.routes.get("/probe/accepted")
async def accepted(request):
    return web.json_response(_practice().counts["accepted"])


@PromptServer.instance.routes.get("/probe/threads")
async def threads(request):
    return web.json_response([t.name for t in threading.enumerate()])


@PromptServer.instance.routes.get("/probe/origin")
async def origin(request):
    return web.json_response(_practice().origin)
