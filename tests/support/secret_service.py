"""A service in the place of APIXO that knows one secret key: the practice service behind a door."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.practice.service import PracticeService

SECRET = "marked-secret-4f9d2c7be1a85063"


class SecretService:
    """Serves on loopback for as long as its block lasts.

    Args:
        folder: Where the practice service behind it keeps its files.
        signature: What it signs the links of results with; "" for plain links.

    Attributes:
        submitted: The body of each submit.
        repeat: Answer every question about a task with this fail message.
    """

    def __init__(self, folder: Path, *, signature: str = "") -> None:
        self._behind = PracticeService(SystemClock(), folder=folder)
        self._signature = signature
        self.submitted: list[dict[str, Any]] = []
        self.repeat = ""
        self.refused = 0
        self.origin = ""

    def _edited(self, content: bytes) -> bytes:
        """An answer with its links signed, or with a failure in its place."""
        if b"taskId" not in content or not (self._signature or self.repeat):
            return content
        answer = json.loads(content)
        data = answer["data"]
        if self.repeat and "state" in data:
            data |= {"state": "failed", "failCode": "OTHER", "failMsg": self.repeat}
        if self._signature and data.get("resultJson"):
            (url,) = json.loads(data["resultJson"])["resultUrls"]
            signed = f"{url}?X-Amz-Signature={self._signature}"
            data["resultJson"] = json.dumps({"resultUrls": [signed]})
        return json.dumps(answer).encode()

    def __enter__(self) -> SecretService:
        behind, outer = self._behind.start(), self

        class Door(BaseHTTPRequestHandler):
            """Lets the right key through, under the name that the practice service knows."""

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if "generateTask" in self.path:
                    outer.submitted.append(json.loads(body))
                key = self.headers.get("Authorization", "")
                right = key == f"Bearer {SECRET}"
                outer.refused += not right
                with requests.Session() as session:
                    session.trust_env = False
                    reply = session.request(
                        self.command, behind + self.path, data=body or None,
                        headers={
                            "Authorization": "Bearer practice" if right else "Bearer wrong",
                            "Content-Type": self.headers.get("Content-Type", ""),
                            "Range": self.headers.get("Range", ""),
                        },
                        timeout=60,
                    )  # fmt: skip
                content = reply.content
                if "statusTask" in self.path:
                    content = outer._edited(content)
                self.send_response(reply.status_code)
                for name in ("Content-Type", "Content-Range", "Accept-Ranges", "ETag"):
                    if name in reply.headers:
                        self.send_header(name, reply.headers[name])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_HEAD = _pass  # noqa: N815 - the library's names

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._behind.stop()
