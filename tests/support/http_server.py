"""An HTTP server that keeps the requests it gets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


class HttpServer:
    """Keeps the JSON requests it gets. Answers with the status that is set for the path, or 200."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.statuses: dict[str, int] = {}
        self.url = ""

    def bodies(self, path: str) -> list[Any]:
        return [request.body for request in self.requests if request.path == path]

    def pushed(self, connection_id: str) -> list[Any]:
        """Returns the messages that were pushed to a WebSocket connection."""
        return self.bodies(f"/@connections/{connection_id}")

    def clear(self) -> None:
        self.requests.clear()
        self.statuses.clear()


@contextmanager
def http_server() -> Iterator[HttpServer]:
    server = HttpServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.requests.append(
                Request(self.command, self.path, dict(self.headers.items()), json.loads(body or "null"))
            )
            self.send_response(server.statuses.get(self.path, 200))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_DELETE(self) -> None:
            server.requests.append(Request(self.command, self.path, dict(self.headers.items()), None))
            self.send_response(server.statuses.get(self.path, 204))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_POST  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            pass

    class Threads(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Threads(("127.0.0.1", 0), Handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
