"""A real ComfyUI as a child process, spoken to over its own HTTP and websocket routes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from loaded_script import loaded_script

PACK = Path(__file__).resolve().parents[2]
START_LIMIT_S = 300
RUN_LIMIT_S = 600


def checkout() -> Path:
    """The ComfyUI that `COMFYUI_PATH` names."""
    return Path(os.environ["COMFYUI_PATH"]).expanduser().resolve()


def python_of(comfyui: Path) -> str:
    """The Python that has ComfyUI's requirements: `COMFYUI_PYTHON`, its .venv, or this one."""
    named = os.environ.get("COMFYUI_PYTHON")
    beside = [
        comfyui / folder / name
        for folder in (".venv", "venv")
        for name in ("bin/python", "Scripts/python.exe")
    ]
    return named or next((str(path) for path in beside if path.exists()), sys.executable)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Comfy:
    """One running ComfyUI with this pack in it."""

    def __init__(self, base: Path, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.base = base
        self.url = f"http://127.0.0.1:{port}"
        self.process = process
        self.log_file = log
        self.client_id = uuid.uuid4().hex

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def get(self, path: str, **params: Any) -> Any:
        reply = requests.get(self.url + path, params=params, timeout=60)
        reply.raise_for_status()
        return reply.json()

    def post(self, path: str, body: Any) -> requests.Response:
        return requests.post(self.url + path, json=body, timeout=60)

    def queue(self, prompt: dict[str, Any]) -> str:
        reply = self.post("/prompt", {"prompt": prompt, "client_id": self.client_id})
        assert reply.status_code == 200, reply.text
        assert not reply.json().get("node_errors"), reply.text
        return reply.json()["prompt_id"]

    def history(self, prompt_id: str) -> dict[str, Any] | None:
        return self.get(f"/history/{prompt_id}").get(prompt_id)

    def wait(self, prompt_id: str, *, limit_s: float = RUN_LIMIT_S) -> dict[str, Any]:
        """The prompt's entry in `/history`, once it has ended in any way."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            entry = self.history(prompt_id)
            if entry is not None:
                return entry
            assert self.process.poll() is None, self.log()[-4000:]
            time.sleep(0.1)
        raise AssertionError(f"prompt did not end in {limit_s} s\n{self.log()[-4000:]}")

    def run(self, prompt: dict[str, Any]) -> dict[str, Any]:
        return self.wait(self.queue(prompt))

    def interrupt(self) -> None:
        requests.post(self.url + "/interrupt", json={}, timeout=60).raise_for_status()

    def is_idle(self) -> bool:
        queue = self.get("/queue")
        return not queue["queue_running"] and not queue["queue_pending"]


def succeeded(entry: dict[str, Any]) -> bool:
    return entry["status"]["status_str"] == "success"


def error_of(entry: dict[str, Any]) -> str:
    """The message of the node that failed, or which end the prompt took."""
    for kind, data in entry["status"]["messages"]:
        if kind == "execution_error":
            return data["exception_message"]
        if kind == "execution_interrupted":
            return "interrupted"
    return entry["status"]["status_str"]


def install_pack(base: Path, name: str = "apixo-wan-animate") -> Path:
    """Lay the packed archive out in a ComfyUI's base folder, as the Manager would.

    New files that Git does not track yet are in it too, so that one can test before a commit.
    """
    target = base / "custom_nodes" / name
    packed = base / "pack.zip"
    loaded_script("archive").write(packed, untracked=True)
    shutil.unpack_archive(packed, target)
    packed.unlink()
    return target


def install_video_helper_suite(base: Path) -> None:
    """Lay VideoHelperSuite beside the pack: `VHS_PATH`, or one of the checkout's own packs."""
    named = os.environ.get("VHS_PATH")
    found = [Path(named)] if named else (checkout() / "custom_nodes").glob("*[Vv]ideo*[Ss]uite*")
    for suite in found:
        if (suite / "videohelpersuite").is_dir():
            target = base / "custom_nodes" / suite.name
            shutil.copytree(suite.resolve(), target, ignore=shutil.ignore_patterns(".git"))
            return


@contextlib.contextmanager
def running(
    base: Path, *, environment: dict[str, str], arguments: tuple[str, ...] = ()
) -> Iterator[Comfy]:
    """A ComfyUI whose folders lie below `base`, until the block ends.

    `{port}` in a value of `environment` stands for the port that it is given.
    """
    comfy = _launch(base, environment, arguments)
    try:
        for _ in range(2):  # somebody else may take the port before it does
            if _starts(comfy) or not _found_port_taken(comfy):
                break
            comfy = _launch(base, environment, arguments)
        assert _starts(comfy), comfy.log()[-4000:]
        yield comfy
    finally:
        comfy.process.terminate()
        try:
            comfy.process.wait(20)
        except subprocess.TimeoutExpired:
            comfy.process.kill()
            comfy.process.wait(20)


def _launch(base: Path, environment: dict[str, str], arguments: tuple[str, ...]) -> Comfy:
    comfyui, port = checkout(), free_port()
    for folder in ("input", "output", "temp", "user", "models", "custom_nodes"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    log = base / "comfyui.log"
    command = [
        python_of(comfyui), str(comfyui / "main.py"), "--cpu", "--disable-api-nodes",
        "--disable-auto-launch", "--port", str(port), "--base-directory", str(base),
        "--database-url", "sqlite:///:memory:", *arguments,
    ]  # fmt: skip
    told = {name: value.replace("{port}", str(port)) for name, value in environment.items()}
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("APIXO_", "PYTHONPATH"))}
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=comfyui, stdout=out, stderr=subprocess.STDOUT, env=clean | told
        )
    return Comfy(base, port, process, log)


def _starts(comfy: Comfy) -> bool:
    """Wait until it answers; False where it ends instead."""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if comfy.process.poll() is not None:
            return False
        with contextlib.suppress(requests.RequestException):
            if requests.get(comfy.url + "/system_stats", timeout=10).ok:
                return True
        time.sleep(0.2)
    raise AssertionError(comfy.log()[-4000:])


def _found_port_taken(comfy: Comfy) -> bool:
    said = comfy.log()[-4000:].lower()
    return "address already in use" in said or "only one usage of each socket address" in said


def to_prompt(workflow: dict[str, Any], object_info: dict[str, Any]) -> dict[str, Any]:
    """A saved workflow as the page would queue it; for flat graphs without subgraphs.

    Args:
        workflow: What the page saves: nodes with widget values by position, and links.
        object_info: What the host says of its nodes.

    Raises:
        KeyError: The host has no such node.
    """
    links = {link[0]: link for link in workflow["links"]}
    prompt: dict[str, Any] = {}
    for node in workflow["nodes"]:
        if node["type"] in {"Note", "MarkdownNote"} or node.get("mode", 0) in {2, 4}:
            continue
        known = object_info[node["type"]]["input"]
        wired = {
            socket["name"]: [str(links[socket["link"]][1]), links[socket["link"]][2]]
            for socket in node.get("inputs", [])
            if socket.get("link") is not None
        }
        prompt[str(node["id"])] = {
            "class_type": node["type"],
            "inputs": _widget_values(node, known) | wired,
        }
    return prompt


def _widget_values(node: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    stored = node.get("widgets_values", [])
    if isinstance(stored, dict):
        return {k: v for k, v in stored.items() if k != "videopreview"}
    values: dict[str, Any] = {}
    _take(known, list(stored), values, prefix="")
    return values


def _take(known: dict[str, Any], rest: list[Any], values: dict[str, Any], *, prefix: str) -> None:
    """Move stored values to the widgets that they belong to, in the order of the schema."""
    for name, spec in {**known.get("required", {}), **known.get("optional", {})}.items():
        kind, options = spec[0], spec[1] if len(spec) > 1 else {}
        dynamic = kind == "COMFY_DYNAMICCOMBO_V3"
        plain = isinstance(kind, list) or kind in {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
        if not (plain or dynamic) or options.get("forceInput") or not rest:
            continue
        chosen = values[prefix + name] = rest.pop(0)
        if options.get("control_after_generate"):
            rest.pop(0)
        if dynamic:
            # What it asks for besides depends on what was chosen.
            inputs = next(o["inputs"] for o in options["options"] if o["key"] == chosen)
            _take(inputs, rest, values, prefix=f"{prefix}{name}.")


def load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
