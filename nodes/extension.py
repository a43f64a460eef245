"""The pack as ComfyUI loads it: its nodes, its routes, and tasks left over from before."""

from __future__ import annotations

import logging

from . import _host as host
from ._host import io
from .account import ApixoBalance, ApixoWanEstimate
from .animate import ApixoWanAnimate
from .frames import ApixoLoadFrames
from .submit import ApixoWanCollect, ApixoWanSubmit
from .uploads import ApixoUploadImage, ApixoUploadVideo

log = logging.getLogger(__name__)

NODES: list[type[io.ComfyNode]] = [
    ApixoWanAnimate,
    ApixoWanSubmit,
    ApixoWanCollect,
    ApixoUploadImage,
    ApixoUploadVideo,
    ApixoLoadFrames,
    ApixoWanEstimate,
    ApixoBalance,
]


class WanAnimateExtension(host.ComfyExtension):
    """What `comfy_entrypoint` gives to ComfyUI."""

    async def on_load(self) -> None:
        """Open the routes, and take up what an earlier run left; never in the way of the nodes.

        An exception here would make the whole pack vanish, so it ends in the log.
        """
        try:
            from .routes import register

            register(host.routes())
        except Exception:
            log.exception("Wan Animate (APIXO): the settings page and the tasks panel are missing.")
        try:
            from .session import has_unfinished_tasks, service

            if has_unfinished_tasks():
                service()
        except Exception:
            log.exception("Wan Animate (APIXO): unfinished tasks could not be resumed.")

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """The nodes of this pack."""
        return NODES
