"""A market in which clients sign, as the engine would show it, and what a page has asked for there."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from playwright.sync_api import Page, Route
from solders.pubkey import Pubkey
from solders.signature import Signature

from order_engine.domain.ids import uuid7
from tests.support.browser import WALLET, Cluster
from tests.support.browser_wallets import SIGNATURE
from tests.support.scripted_orders import ScriptedOrders

REQUEST = ("market", "type", "tokenIn", "tokenOut", "amountIn", "amountInBaseUnits", "slippageBps")


class SigningCluster(Cluster):
    """`quoted` holds the wallets that quotes were for, `posted` the orders, which must be signed by those wallets.

    The next order is answered by the first of `answers`, if there is one: a status and a body.
    """

    def __init__(self, name: str, explorer: str, wallet: str | None = WALLET) -> None:
        super().__init__(name, explorer, wallet=wallet)
        self.orders = ScriptedOrders()
        self.quoted: list[str] = []
        self.posted: list[dict[str, Any]] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self._offers: dict[str, tuple[str, bytes]] = {}

    def take(self, page: Page) -> None:
        super().take(page)
        self.orders.take(page)
        page.route("**/api/quotes?*", self._quote)
        page.route("**/api/orders/execute", self._execute)

    def _quote(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        query = dict(parse_qsl(url.query))
        wallet = query.pop("wallet", None)
        response = route.fetch(url=url._replace(query=urlencode(query)).geturl())
        quote = response.json()
        if wallet is None or not response.ok:
            route.fulfill(response=response)
            return
        self.quoted.append(wallet)
        message = b"\x80" + uuid7().bytes
        self._offers[quote["quoteId"]] = wallet, message
        transaction = b64encode(b"\x01" + bytes(64) + message).decode()
        signing = {"wallet": wallet, "transaction": transaction, "lastValidBlockHeight": 150}
        route.fulfill(json={**quote, **signing, "market": self.name})

    def _execute(self, route: Route) -> None:
        order: dict[str, Any] = route.request.post_data_json or {}
        self.posted.append(order)
        wallet = None
        if "signedTransaction" in order:
            wallet, message = self._offers[order["quoteId"]]
            raw = b64decode(order["signedTransaction"])
            assert raw[SIGNATURE.stop :] == message
            assert Signature(raw[SIGNATURE]).verify(Pubkey.from_string(wallet), message)
        if self.answers:
            status, body = self.answers.pop(0)
            route.fulfill(status=status, json=body)
            return
        accepted = self.orders.add("market", None, market=self.name, status="pending", wallet=wallet)
        self.orders.event(accepted, "pending", **{name: accepted[name] for name in REQUEST})
        route.fulfill(status=202, json=accepted)

    def slip(self, order: dict[str, Any]) -> None:
        """Ends an order as one whose transaction only its client can sign again."""
        reason = {"code": "SlippageExceeded", "message": "the pool pays less than the least output", "attempts": 1}
        error = {**reason, "retryable": True, "requote": "/api/quotes?tokenIn=SOL"}
        order["error"] = error
        self.orders.event(order, "failed", **error)
