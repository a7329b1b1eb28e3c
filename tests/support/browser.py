"""The dashboard in a browser: its orders, its form and its WebSocket connections."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Locator, Page, WebSocketRoute

from tests.support.stack import Stack

Visit = Callable[..., Page]
"""Opens a page at a URL, with Playwright's options of a page."""


def ask(stack: Stack, path: str, order: dict[str, str] | None = None) -> Any:
    """Returns the REST API's answer, to a POST if there is an order."""
    headers = {"Authorization": f"Bearer {stack.key}", "Content-Type": "application/json"}
    body = None if order is None else json.dumps(order).encode()
    with urlopen(Request(stack.rest + path, body, headers)) as response:
        return json.load(response)


def submit(stack: Stack, **changes: str) -> str:
    """Submits an order outside the browser and returns its id."""
    order = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01", **changes}
    return str(ask(stack, "/api/orders/execute", order)["orderId"])


class Sockets:
    """The page's WebSocket connections. While `refused` is true, new ones are closed at once."""

    def __init__(self) -> None:
        self.refused = False
        self.open: list[WebSocketRoute] = []
        self.messages: list[str] = []

    def take(self, socket: WebSocketRoute) -> None:
        if self.refused:
            socket.close()
            return
        self.open.append(socket)
        server = socket.connect_to_server()

        def sent(message: str | bytes) -> None:
            self.messages.append(str(message))
            server.send(message)

        socket.on_message(sent)

    def drop(self) -> None:
        self.refused = True
        self.open.pop().close()


def cards(page: Page, status: str) -> Locator:
    return page.locator(f".lane.{status} .order")


def swap(page: Page, amount: str) -> None:
    page.get_by_label("You pay").fill(amount)
    page.get_by_role("button", name=re.compile("^Swap [0-9]")).click()


def sequence(page: Page) -> list[int]:
    """Returns the `seq` of each event in the timeline on the page."""
    return [int(item.get_attribute("data-seq") or 0) for item in page.locator(".timeline > [data-seq]").all()]
