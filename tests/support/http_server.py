"""An HTTP server that keeps the requests it gets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
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
    """Keeps the JSON requests that it gets, and answers with the status set for the path.

    Without one it answers 204 to DELETE, 200 to others. `waits` has the seconds before an answer, by the method and
    path: `POST /path`. `most_at_once` is how many requests were open at the same time.
    """

    def __init__(self) -> None:
        self.url = ""
        self.closing = threading.Event()
        self.clear()

    def clear(self) -> None:
        self.requests: list[Request] = []
        self.statuses: dict[str, int] = {}
        self.waits: dict[str, float] = {}
        self.most_at_once = 0
        self._open = 0
        self._lock = threading.Lock()

    def bodies(self, path: str) -> list[Any]:
        return [request.body for request in self.requests if request.path == path]

    def pushed(self, connection_id: str) -> list[Any]:
        """Returns the messages that were pushed to a WebSocket connection."""
        return self.bodies(f"/@connections/{connection_id}")

    def closed(self) -> set[str]:
        """The WebSocket connections that were closed."""
        return {request.path.rpartition("/")[2] for request in self.requests if request.method == "DELETE"}

    def take(self, request: Request) -> int:
        """Keeps the request. Returns the status of the answer, after the wait that is set for it."""
        with self._lock:
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
        try:
            self.closing.wait(self.waits.get(f"{request.method} {request.path}", 0))
            self.requests.append(request)
            return self.statuses.get(request.path, 204 if request.method == "DELETE" else 200)
        finally:
            with self._lock:
                self._open -= 1


class Threads(ThreadingHTTPServer):
    """Answers each connection in a thread of its own, for which nobody waits at the end."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler], closing: threading.Event | None = None) -> Iterator[str]:
    """Serves on a free port until the block ends; yields `HOST:PORT`. Sets `closing` before it ends."""
    with Threads(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{listening.server_address[1]}"
        finally:
            if closing:
                closing.set()
            listening.shutdown()
            thread.join()


@contextmanager
def http_server() -> Iterator[HttpServer]:
    server = HttpServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, dict(self.headers.items()), json.loads(body or "null"))
            try:
                self.send_response(server.take(request))
                self.send_header("Content-Length", "0")
                self.end_headers()
            except ConnectionError:
                self.close_connection = True  # The client did not wait for the answer.

        do_DELETE = do_GET = do_PUT = do_POST  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            pass

    with serving(Handler, server.closing) as address:
        server.url = f"http://{address}"
        yield server
