"""The pack's own HTTP routes: what the page, the service and readers of files may ask for."""

from __future__ import annotations

from typing import Any

from ..utils.hosting.selfserved import ROUTE as PUBLISHED
from ..utils.tasks.settle import CALLBACK_PATH
from . import owner_routes as owner
from . import public_routes as public
from . import task_routes as tasks
from .gates import gate

PREFIX = "/apixo_wan_animate"


def register(routes: Any) -> None:
    """Open every route.

    Args:
        routes: The route table of the running server, or of a test's.
    """
    get, post = routes.get, routes.post
    get(f"{PREFIX}/status")(gate(owner.status))

    get(f"{PREFIX}/settings")(gate(owner.settings, owner=True))
    post(f"{PREFIX}/settings")(gate(owner.save_settings, fields={"changes": dict}, owner=True))
    post(f"{PREFIX}/key")(gate(owner.save_key, fields={"key": str}, owner=True))
    post(f"{PREFIX}/key/forget")(gate(owner.forget_key, fields={}, owner=True))
    post(f"{PREFIX}/key/test")(gate(owner.test_key, fields={}, owner=True))
    post(f"{PREFIX}/host/test")(gate(owner.test_host, fields={}, owner=True))
    post(f"{PREFIX}/public_address/test")(gate(owner.test_address, fields={}, owner=True))

    get(f"{PREFIX}/tasks")(gate(tasks.listing))
    get(f"{PREFIX}/spending")(gate(tasks.spending))
    get(f"{PREFIX}/tasks/thumbnail/{{row}}")(tasks.thumbnail)
    post(f"{PREFIX}/tasks/collect")(gate(tasks.collect, fields={"row": int}))
    post(f"{PREFIX}/tasks/adopt")(gate(tasks.adopt, fields={"row": int, "task_id": str}))
    post(f"{PREFIX}/tasks/abandon")(gate(tasks.abandon, fields={"row": int}))
    post(f"{PREFIX}/tasks/forget")(gate(tasks.forget, fields={"row": int}))

    post(f"{CALLBACK_PATH}{{token}}")(public.callback)
    routes.route("*", f"{PUBLISHED}{{token:.*}}")(public.published)
