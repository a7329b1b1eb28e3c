"""A node of Solana's that answers JSON-RPC as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from order_engine.solana.addresses import encode
from tests.support.http_server import serving

GENESIS_HASH = encode(bytes(range(32)))


class Reply(NamedTuple):
    """An HTTP answer, byte by byte. The node sends the body in `pieces`, and waits `pause` seconds before each."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    pieces: int = 1
    pause: float = 0.0


class Asked(NamedTuple):
    """How a node was asked."""

    path: str
    authorization: str | None


class Refusal(Exception):
    """Makes the node answer with a JSON-RPC error."""

    def __init__(self, code: int, message: str = "refused", data: Any = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message} | ({} if data is None else {"data": data})


@dataclass
class FakeNode:
    """Answers a method with its entry in `results`: a value, or a function of the parameters that may raise `Refusal`.

    The first of `replies`, if there is one, is sent instead. `calls` holds what was called, `requests` how.
    """

    results: dict[str, Any] = field(default_factory=lambda: {"getGenesisHash": GENESIS_HASH})
    replies: list[Reply] = field(default_factory=list)
    calls: list[tuple[str, list[Any]]] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    url: str = ""
    host: str = ""
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def called(self, method: str) -> list[list[Any]]:
        """The parameters of each call of a method."""
        return [parameters for name, parameters in self.calls if name == method]

    def reply(self, call: dict[str, Any]) -> Reply:
        method, parameters = call["method"], call["params"]
        self.calls.append((method, parameters))
        if self.replies:
            return self.replies.pop(0)
        result = self.results[method]
        try:
            answer = {"result": result(*parameters) if callable(result) else result}
        except Refusal as refusal:
            answer = {"error": refusal.error}
        return Reply(body=json.dumps({"jsonrpc": "2.0", "id": call["id"], **answer}).encode())


@contextmanager
def fake_node() -> Iterator[FakeNode]:
    node = FakeNode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            node.connections += 1
            super().setup()

        def do_POST(self) -> None:
            node.requests.append(Asked(self.path, self.headers.get("Authorization")))
            reply = node.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            size = -(-len(reply.body) // reply.pieces) or 1
            try:
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for start in range(0, len(reply.body), size):
                    node.closing.wait(reply.pause)
                    self.wfile.write(reply.body[start : start + size])
            except ConnectionError:
                self.close_connection = True  # The client did not wait for the answer.

        def log_message(self, *arguments: Any) -> None:
            pass

    with serving(Handler, node.closing) as node.host:
        node.url = f"http://{node.host}"
        yield node
