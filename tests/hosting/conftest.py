"""What hosting tests stand on: real servers on loopback, and a clock that the test owns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event

import pytest
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.transport import Transport

S3 = Path(__file__).parent / "s3"
PACK = Path(__file__).parent.parent.parent


class OwnClock(SystemClock):
    """The machine's time of its making, moved by the test alone."""

    def __init__(self) -> None:
        self._made_at = time.time()
        self.offset_s = 0.0

    def now(self) -> float:
        return self._made_at + self.offset_s


@pytest.fixture
def clock() -> OwnClock:
    return OwnClock()


@pytest.fixture
def stop() -> Event:
    return Event()


@pytest.fixture
def transport(clock: OwnClock) -> Transport:
    return Transport(clock)


@pytest.fixture
def anywhere() -> AddressRule:
    return AddressRule(allow_loopback=True, exempt=frozenset())


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own stores, pods and proxies reaches a test."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "RUNPOD_", "APIXO_")):
            monkeypatch.delenv(name)
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class S3Server:
    """A process that speaks S3 on loopback, checks signatures and notes what it was asked."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self._log = folder / "requests.jsonl"
        self._log.touch()
        given = {"directory": str(folder / "data"), "buckets": ["media"], "log": str(self._log)}
        command = [shutil.which("node"), str(S3 / "server.js"), json.dumps(given | options)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=S3, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the S3 server did not start"
        scheme = "https" if "key" in options else "http"
        self.port = json.loads(line)["port"]
        self.origin = f"{scheme}://127.0.0.1:{self.port}"

    def requests(self) -> list[dict]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def stored(self) -> list[str]:
        """The names of all whole objects."""
        data = self.folder / "data"
        end = "._S3rver_object"
        return sorted(p.relative_to(data).as_posix()[: -len(end)] for p in data.rglob(f"*{end}"))

    def unfinished(self) -> list[Path]:
        """Multipart uploads that were neither completed nor aborted."""
        return [p for folder in self.folder.rglob("._S3rver_uploads") for p in folder.iterdir()]

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.communicate(timeout=20)

    def clear(self) -> None:
        """Large objects shall not stay behind in the folder for temporary files."""
        shutil.rmtree(self.folder)


@pytest.fixture
def start_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Start an S3 server, and set the environment as its owner would."""
    if not (S3 / "node_modules" / "s3rver").exists():
        pytest.skip("s3rver is not installed: run `npm ci` in tests/hosting/s3 (needs Node.js)")
    servers: list[S3Server] = []

    def start(**options: object) -> S3Server:
        folder = tmp_path / f"s3-{len(servers)}"
        folder.mkdir()
        servers.append(S3Server(folder, **options))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "S3RVER")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S3RVER")
        monkeypatch.setenv("AWS_ENDPOINT_URL", servers[-1].origin)
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    for server in servers:
        server.clear()


@pytest.fixture
def s3(start_s3) -> S3Server:
    return start_s3()


def take_body(handler) -> bool:
    """Read the body of a request; whether it is whole, since no host keeps half a file."""
    length = int(handler.headers.get("Content-Length") or 0)
    handler.body = handler.rfile.read(length)
    handler.close_connection |= len(handler.body) < length  # the client has left
    return len(handler.body) == length


class SiteServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that left


class Site:
    """A web server on loopback whose answers the test writes.

    `answer` is called with the handler, for every method; bodies are read before it, into
    `handler.body`. What was asked is in `seen`, as (method, path, body length).
    """

    def __init__(self, answer) -> None:
        self.seen: list[tuple[str, str, int]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # head and body in one packet: two would wait 40 ms for each other
            body = b""

            def handle_any(self) -> None:
                whole = take_body(self)
                site.seen.append((self.command, self.path, len(self.body)))
                if whole:
                    answer(self)

            def __getattr__(self, name: str):
                if name.startswith("do_"):
                    return self.handle_any
                raise AttributeError(name)

            def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(status)
                for header, value in headers.items():
                    self.send_header(header.replace("_", "-"), value)
                if "Content_Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def reply_file(self, content: bytes, media_type: str) -> None:
                """Serve bytes with Range, as a good host does."""
                asked = self.headers.get("Range", "")
                if not asked.startswith("bytes="):
                    self.reply(200, content, Content_Type=media_type)
                    return
                first, _, last = asked[6:].partition("-")
                piece = content[int(first) : int(last or len(content)) + 1]
                end = int(first) + len(piece) - 1
                where = f"bytes {first}-{end}/{len(content)}"
                self.reply(206, piece, Content_Type=media_type, Content_Range=where)

            def log_message(self, *args: object) -> None:
                pass

        self._server = SiteServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def start_site() -> Iterator:
    sites: list[Site] = []

    def start(answer) -> Site:
        sites.append(Site(answer))
        return sites[-1]

    yield start
    for site in sites:
        site.close()


@pytest.fixture
def make_file(tmp_path: Path):
    """Write a file that begins like an MP4, and whose bytes all tell their place."""

    made: set[Path] = set()

    def make(size_bytes: int, name: str = "clip.bin") -> Path:
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(b"\x00\x00\x00\x18ftypmp42")
            block = b"".join(n.to_bytes(4, "big") for n in range(65536))
            while file.tell() < size_bytes:
                file.write(block[: size_bytes - file.tell()])
        made.add(path)
        return path

    yield make
    for path in made:
        path.unlink(missing_ok=True)


@pytest.fixture
def quiet():
    """A progress that nobody reads."""
    return lambda sent, total: None


@pytest.fixture
def child_command():
    """The command of a Python child that knows the pack under its alias, and nothing else."""

    def command(script: str, *arguments: str) -> list[str]:
        start = (
            "import sys, types\n"
            "package = types.ModuleType('apixo_wan_animate')\n"
            f"package.__path__ = [{str(PACK)!r}]\n"
            "sys.modules['apixo_wan_animate'] = package\n"
        )
        return [sys.executable, "-c", start + script, *arguments]

    return command


@pytest.fixture
def run_child(child_command):
    """Run a script with the pack under its alias, and give what it printed."""

    def run(script: str, *arguments: str, timeout_s: float = 240) -> str:
        command = child_command(script, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
