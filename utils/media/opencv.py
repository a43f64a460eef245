"""OpenCV, loaded when it is first needed.

A machine without its system libraries then gets a sentence on the node, not a vanished pack.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

from ..errors import MediaError


@lru_cache(maxsize=1)
def opencv() -> Any:
    """The module `cv2`.

    Raises:
        MediaError: It is not installed, or one of its system libraries is missing.
    """
    try:
        loaded = importlib.import_module("cv2")
    except (ImportError, OSError) as error:
        message = (
            f"OpenCV cannot be loaded ({error}). Install opencv-python, or opencv-python-headless "
            "on a machine without a screen, into ComfyUI's Python and restart ComfyUI."
        )
        raise MediaError(message) from error
    if not hasattr(loaded, "resize"):
        raise MediaError(
            "OpenCV is installed but empty, which happens when one of two OpenCV packages is "
            "removed. Run “pip install --force-reinstall --no-deps opencv-python” (or "
            "opencv-python-headless) with ComfyUI's Python and restart ComfyUI."
        )
    return loaded
