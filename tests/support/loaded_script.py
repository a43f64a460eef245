"""A file of `scripts/` as a module: its folder is no package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def loaded_script(name: str) -> ModuleType:
    """The script `name`, loaded once, with those that it imports itself."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(SCRIPTS))
