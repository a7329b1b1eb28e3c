"""A slow target answers 504 under load and confirms an order alone; a wrong one does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import cast

import pytest

from tests.e2e.targets.slowness import reason_if_slow
from tests.support.client import TooSlow, client
from tests.support.http_server import serving
from tests.support.stack import Stack

ORDER_ID = "01a1fb19-a2ec-7b9b-9c78-6bfaf20752f6"
ERROR = TooSlow("a handshake was answered with 504")


@dataclass
class Target:
    """The parts of a stack that a client needs. It answers each request with the next of `answers`, the last for ever.

    An answer is a status code, or the status of the order.
    """

    answers: list[int | str]
    rest: str = ""
    websocket: str = ""
    key: str = "oee_key"


@contextmanager
def target(*answers: int | str) -> Iterator[Stack]:
    found = Target(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            accepted = 202 if self.command == "POST" else 200
            body = json.dumps({"orderId": ORDER_ID, "status": answer}).encode()
            self.send_response(answer if isinstance(answer, int) else accepted)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    with serving(Handler) as address:
        found.rest, found.websocket = f"http://{address}", f"ws://{address}"
        yield cast(Stack, found)


@pytest.mark.parametrize("answers", [["pending", "confirmed"], [504, 504, "pending", 504, "routing", "confirmed"]])
def test_a_target_that_confirms_an_order_alone_is_slow(answers: list[int | str]) -> None:
    with target(*answers) as stack:
        reason = reason_if_slow(stack, ERROR)
    assert reason is not None
    assert reason.startswith("too slow for this load: a handshake was answered with 504; one order alone was confirmed")


@pytest.mark.parametrize("answers", [[500], ["pending", 500], ["pending", "failed"], ["pending"], [504]])
def test_a_target_that_does_not_confirm_an_order_alone_is_wrong(answers: list[int | str]) -> None:
    with target(*answers) as stack:
        assert reason_if_slow(stack, ERROR, patience=1) is None


def test_an_answer_of_504_is_too_slow_and_no_other_is() -> None:
    async def scenario(stack: Stack) -> None:
        async with client(stack) as at:
            with pytest.raises(TooSlow, match="GET /health was answered with 504"):
                await at.request("GET", "/health")
            with pytest.raises(TooSlow, match="a handshake was answered with 504"):
                async with at.connected():
                    pass
            assert (await at.raw("GET", "/health", {}))[0] == 500

    with target(504, 504, 500) as stack:
        asyncio.run(scenario(stack))
