"""Wan Animate (APIXO): a character into footage, through APIXO's hosted Wan 2.2 Animate.

ComfyUI imports this file. It starts nothing: the service begins on first use, or in `on_load`
where tasks of an earlier run are unfinished.
"""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> object:
    """Give ComfyUI the pack's nodes."""
    from .nodes.extension import WanAnimateExtension

    return WanAnimateExtension()


__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
