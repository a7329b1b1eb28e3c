"""A receiver of webhooks on loopback, which does what the test says with each message."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.http_server import serving

LOCATION = {302: "https://example.com/elsewhere"}


@dataclass(frozen=True)
class Message:
    """A message as it came. `seq` and `order_id` are those of its event."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)["data"]
        return event

    @property
    def order_id(self) -> str:
        return str(self.event["orderId"])

    @property
    def seq(self) -> int:
        return int(self.event["seq"])

    def is_signed_with(self, secret: str) -> bool:
        """As the specification says, without the engine's code."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.{self.body}"
        expected = hmac.new(b64decode(secret.removeprefix("whsec_")), signed.encode(), hashlib.sha256).digest()
        return self.headers["webhook-signature"] == f"v1,{b64encode(expected).decode()}"


@dataclass
class Receiver:
    """`answer` says how a message is answered: a status; `None` never, as long as the test runs; 0 cuts it off.

    `taken` has the messages that were answered 2xx, in their order, `attempts` all.
    """

    url: str = ""
    answer: Callable[[Message], int | None] = lambda message: 200
    attempts: list[Message] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def seqs(self) -> dict[str, list[int]]:
        """The `seq` of the messages that were taken, of each order."""
        found: dict[str, list[int]] = defaultdict(list)
        for message in [*self.taken]:
            found[message.order_id].append(message.seq)
        return found


@contextmanager
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            message = Message(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.attempts.append(message)
            status = receiver.answer(message)
            self.close_connection = True
            if status is None:
                receiver.closing.wait()
            elif status:
                if 200 <= status < 300:
                    receiver.taken.append(message)
                try:
                    self.send_response(status)
                    if status in LOCATION:
                        self.send_header("Location", LOCATION[status])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except ConnectionError:
                    pass  # The sender reads the status only.

        def log_message(self, *arguments: Any) -> None:
            pass

    with serving(Handler, receiver.closing) as address:
        receiver.url = f"http://{address}"
        yield receiver
