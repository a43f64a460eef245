"""The pack under a name of its own, for scripts that run beside it and not in ComfyUI."""

from __future__ import annotations

import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALIAS = "apixo_wan_animate"


def load() -> None:
    """Make the pack importable as `apixo_wan_animate`, whatever its folder is called."""
    if ALIAS not in sys.modules:
        package = types.ModuleType(ALIAS)
        package.__path__ = [str(ROOT)]
        sys.modules[ALIAS] = package
