"""An object store in one page: keeps what is put into it, and checks no signature."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class OpenBucket:
    """Serves on loopback for as long as its block lasts.

    Attributes:
        asked: Every path and query that was asked for.
    """

    def __enter__(self) -> OpenBucket:
        objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

            def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_PUT(self) -> None:
                objects[urlsplit(self.path).path] = self.rfile.read(
                    int(self.headers["Content-Length"])
                )
                self._answer(200, ETag='"1"')

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                path = urlsplit(self.path).path
                if path not in objects:
                    self._answer(404)
                    return
                content, kind = objects[path], "video/mp4" if path.endswith(".mp4") else "image/png"
                first, _, last = self.headers.get("Range", "bytes=0-")[6:].partition("-")
                piece = content[int(first) : int(last or len(content)) + 1]
                where = f"bytes {first}-{int(first) + len(piece) - 1}/{len(content)}"
                self._answer(206, piece, Content_Type=kind, Content_Range=where)

            do_HEAD = do_GET  # noqa: N815 - the library's name

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
