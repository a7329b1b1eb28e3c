"""The dashboard in a browser: its orders, its form and its WebSocket connections."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute

from order_engine.domain.tokens import TOKENS
from tests.support.stack import ROOT, Stack

AXE = ROOT / "tests/npm/node_modules/axe-core/axe.min.js"

UNAVAILABLE = {"error": {"code": "StoreUnavailable", "message": "Postgres does not answer", "details": []}}
"""The body of an answer with the status 503."""

Visit = Callable[..., Page]
"""Opens a page at a URL, with Playwright's options of a page."""


class Api(Protocol):
    """A REST API at the URL `rest`, and a key for it."""

    rest: str
    key: str


def violations(page: Page, apart_from: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Returns each rule of accessibility that the page violates, and where. Skips the test without axe-core."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/npm")
    page.evaluate(AXE.read_text())
    options = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
        "rules": {rule: {"enabled": False} for rule in apart_from},
    }
    # What arrives or pulses has too little contrast meanwhile.
    fading = "['arrive', 'pulse'].includes(each.animationName)"
    page.evaluate(f"document.getAnimations().filter(each => {fading}).forEach(each => each.cancel())")
    found = page.evaluate("options => axe.run(options)", options)
    return [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]


def ask(stack: Api, path: str, order: dict[str, Any] | None = None, method: str | None = None) -> Any:
    """Returns the REST API's answer, to a POST if there is an order."""
    headers = {"Authorization": f"Bearer {stack.key}", "Content-Type": "application/json"}
    body = None if order is None else json.dumps(order).encode()
    with urlopen(Request(stack.rest + path, body, headers, method=method)) as response:
        return json.load(response)


def submit(stack: Stack, **changes: Any) -> str:
    """Submits an order outside the browser and returns its id."""
    order: dict[str, Any] = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01", **changes}
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


WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"


class Cluster:
    """A market on Solana, as the engine would show it: the simulated market's answers with a name, a wallet and costs.

    Its explorer is at `explorer`. While `failing` is true, the node does not tell the balances.
    """

    def __init__(
        self, name: str, explorer: str, tokens: Sequence[str] = tuple(TOKENS), wallet: str | None = WALLET
    ) -> None:
        self.name = name
        self.wallet = wallet
        self.tokens = tokens
        self.explorer = {"transaction": f"{explorer}/tx/{{signature}}", "address": f"{explorer}/address/{{address}}"}
        self.balances = {"SOL": "12.5", "USDC": "0"}
        self.failing = False
        self.replaced = {
            '"market": "Simulated"': f'"market": "{name}"',
            '"networkFee": "0"': '"networkFee": "0.00001"',
            '"rent": "0"': '"rent": "0.00203928"',
        }

    def take(self, page: Page) -> None:
        """Answers the page's requests from its next one on."""
        page.route("**/api/market", self._market)
        page.route("**/api/wallet*", self._wallet)
        for path in ("orders?*", "orders/*", "quotes?*"):
            page.route(f"**/api/{path}", self._replace)

    def _market(self, route: Route) -> None:
        market = {"market": self.name, "explorer": self.explorer, "wallet": self.wallet, "tokens": [*self.tokens]}
        route.fulfill(json=market)

    def _wallet(self, route: Route) -> None:
        if self.failing:
            error = {"code": "VenueUnavailable", "message": "the node does not answer", "details": []}
            route.fulfill(status=503, json={"error": error})
            return
        balances = [{"token": token, "amount": amount} for token, amount in self.balances.items()]
        address = parse_qs(urlsplit(route.request.url).query).get("address", [self.wallet])[0]
        route.fulfill(json={"market": self.name, "address": address, "balances": balances})

    def _replace(self, route: Route) -> None:
        response = route.fetch()
        text = response.text()
        for value, shown in self.replaced.items():
            text = text.replace(value, shown)
        route.fulfill(response=response, body=text)


def cards(page: Page, status: str) -> Locator:
    return page.locator(f".lane.{status} .order")


def swap(page: Page, amount: str) -> None:
    page.get_by_label("You pay").fill(amount)
    page.get_by_role("button", name=re.compile("^Swap [0-9]")).click()


def sequence(page: Page) -> list[int]:
    """Returns the `seq` of each event in the timeline on the page."""
    return [int(item.get_attribute("data-seq") or 0) for item in page.locator(".timeline > [data-seq]").all()]
