"""The pack under the name `apixo_wan_animate`, without ComfyUI.

The pack's folder bears whatever name it was installed under, and its own modules `nodes` and
`utils` share their names with ComfyUI's, so tests reach it through an alias package.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from pathlib import Path

import pytest
from hypothesis import settings

PACK = Path(__file__).resolve().parent.parent
ALIAS = "apixo_wan_animate"


def _make_alias() -> None:
    """An empty package over the pack's folder: importing it runs nothing of the pack."""
    if ALIAS not in sys.modules:
        package = types.ModuleType(ALIAS)
        package.__path__ = [str(PACK)]
        sys.modules[ALIAS] = package


def _stand_in_host() -> None:
    """`tests/nodes/fake_host.py` in the place of the one file that imports ComfyUI."""
    name = f"{ALIAS}.nodes._host"
    fake = PACK / "tests" / "nodes" / "fake_host.py"
    if name in sys.modules or not fake.exists():
        return
    spec = importlib.util.spec_from_file_location(name, fake)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _settle_hypothesis() -> None:
    """The same examples at each run of the suite; new ones, and many, in `make fuzz`."""
    many = os.environ.get("FUZZ_EXAMPLES", "")
    examples = {"max_examples": int(many)} if many else {"derandomize": True}
    settings.register_profile("here", deadline=None, **examples)
    settings.load_profile("here")


_make_alias()
_stand_in_host()
_settle_hypothesis()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what takes minutes or needs a ComfyUI."""
    reasons = {
        "slow": (os.environ.get("SLOW") == "1", "takes minutes: set SLOW=1"),
        "comfyui": (
            bool(os.environ.get("COMFYUI_PATH")),
            "needs a real ComfyUI: set COMFYUI_PATH to a checkout",
        ),
    }
    for item in items:
        for marker, (wanted, reason) in reasons.items():
            if item.get_closest_marker(marker) and not wanted:
                item.add_marker(pytest.mark.skip(reason=reason))
