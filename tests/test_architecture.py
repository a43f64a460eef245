"""The house: imports run one way, and each concern stays in its room."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACK = Path(__file__).resolve().parent.parent
SHIPPED = sorted([*PACK.glob("nodes/**/*.py"), *PACK.glob("utils/**/*.py"), PACK / "__init__.py"])

ROOMS = {
    # room: the rooms it may import
    "utils.errors": set(),
    "utils.clock": set(),
    "utils.billing": {"utils.errors"},
    "utils.replacing": set(),
    "utils.setting_values": {"utils.errors"},
    "utils.settings_lock": {"utils.errors"},
    "utils.settings": {
        "utils.errors", "utils.replacing", "utils.setting_values", "utils.settings_lock",
    },
    "utils.addresses": {"utils.errors"},
    "utils.redaction": {"utils.addresses"},
    "utils.transport": {"utils.errors", "utils.clock", "utils.settings", "utils.addresses"},
    "utils.unexpected": {"utils.errors"},
    "utils.media": {"utils.errors", "utils.clock"},
    "utils.ledger": {
        "utils.errors", "utils.clock", "utils.settings", "utils.unexpected", "utils.billing",
        "utils.replacing",
    },
    "utils.apixo": {
        "utils.errors", "utils.clock", "utils.settings", "utils.transport", "utils.addresses",
        "utils.redaction",
    },
    "utils.hosting": {
        "utils.errors", "utils.clock", "utils.settings", "utils.transport", "utils.addresses",
        "utils.replacing",
    },
    "utils.practice": {"utils.errors", "utils.clock", "utils.transport", "utils.media",
                       "utils.addresses"},
    "utils.tasks": {
        "utils.errors", "utils.clock", "utils.settings", "utils.transport", "utils.addresses",
        "utils.apixo", "utils.hosting", "utils.media", "utils.practice", "utils.ledger",
        "utils.unexpected", "utils.billing", "utils.replacing",
    },
}  # fmt: skip
"""Which room may import which; `nodes` may import every one, nothing imports `nodes`."""

HOST_MODULES = {"comfy", "comfy_api", "comfy_execution", "folder_paths", "server", "execution"}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACK).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The room a module lies in: a folder of `utils`, or a file of its own there."""
    if not module.startswith("utils."):
        return module.split(".")[0]
    return ".".join(module.split(".")[:2])


def imports_of(path: Path) -> list[tuple[int, str, int]]:
    """Every import as (level, dotted name, line)."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found += [(node.level, name, node.lineno) for name in names]
    return found


def inner_imports(path: Path) -> list[str]:
    """The pack's own modules that a file imports, absolutely named."""
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    return [
        ".".join([*package[: len(package) - level + 1], name])
        for level, name, _ in imports_of(path)
        if level
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.relative_to(PACK).as_posix())
def test_imports_inside_the_pack_are_relative_and_run_one_way(path):
    for level, name, line in imports_of(path):
        assert level or name.split(".")[0] not in {"nodes", "utils"}, f"line {line}: {name}"
    here = room_of(module_of(path))
    for module in inner_imports(path):
        room = room_of(module)
        if room == here or here == "" or here == "nodes":
            continue
        assert room in ROOMS.get(here, set()), f"{here} imports {module}"


def test_every_room_is_in_the_plan():
    found = {room_of(module_of(p)) for p in SHIPPED if p.is_relative_to(PACK / "utils")}
    assert found - {"utils"} <= set(ROOMS)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.relative_to(PACK).as_posix())
def test_only_one_file_imports_comfyui(path):
    found = {name.split(".")[0] for level, name, _ in imports_of(path) if level == 0}
    if path == PACK / "nodes" / "_host.py":
        assert found & HOST_MODULES
    else:
        assert not found & HOST_MODULES


@pytest.mark.parametrize(
    "path",
    [p for p in SHIPPED if p.is_relative_to(PACK / "utils")],
    ids=lambda p: p.relative_to(PACK).as_posix(),
)
def test_below_nodes_there_is_no_asyncio(path):
    assert "asyncio" not in {name for _, name, _ in imports_of(path)}


def test_only_the_transport_speaks_http():
    speaks = {"requests", "urllib3", "http", "httpx", "aiohttp"}
    for path in SHIPPED:
        if room_of(module_of(path)) in {"utils.transport", "utils.practice"}:
            continue
        found = {name for level, name, _ in imports_of(path) if level == 0}
        allowed = {"aiohttp"} if path.parent.name == "nodes" else set()
        assert not {n for n in found if n.split(".")[0] in speaks - allowed}, path
        assert "urllib.request" not in found, path


def test_the_services_own_spellings_stay_in_their_room():
    spellings = re.compile(r"\"(image_urls|video_urls|request_type|resultJson|processing_r2)\"")
    for path in SHIPPED:
        if room_of(module_of(path)) in {"utils.apixo", "utils.practice"}:
            continue
        assert not spellings.search(path.read_text(encoding="utf-8")), path
