"""Orders that wait as a test scripts them: the answers that the engine would give, and what a page has asked for."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page, Route

from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import RUNNING, Status
from order_engine.domain.timestamps import rfc3339

MINT = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"

LIMIT = {"limitPrice": "180", "minAmountOut": "270", "minAmountOutBaseUnits": "270000000"}
STOP = {
    "stopPrice": "150",
    "stopReached": False,
    "confirmTicks": 2,
    "limitPrice": "149",
    "minAmountOut": "223.5",
    "minAmountOutBaseUnits": "223500000",
}
SNIPER = {
    "maxPrice": "0.001",
    "minAmountOut": "1500",
    "minAmountOutBaseUnits": "1500000000",
    "minLiquidity": "100",
    "minLiquidityBaseUnits": "100000000000",
    "allowFreezeAuthority": False,
    "allowExtensions": False,
}


def recurring(slices_done: int = 0) -> dict[str, Any]:
    return {
        "slices": 10,
        "slicesDone": slices_done,
        "intervalSeconds": 3600,
        "minPrice": "140",
        "maxPrice": None,
        "nextSliceAt": ahead(720),
    }


def ahead(seconds: float) -> str:
    """Returns the time that is so many seconds from now."""
    return rfc3339(datetime.now(UTC) + timedelta(seconds=seconds))


# Not `active`, for which an open page may ask while the routes are set.
_ONE = re.compile("/api/orders/[0-9a-f]{8}-[^/?]*$")


class ScriptedOrders:
    """The orders of a client, and what the page has asked for: `posted`, `patched`, `deleted` and `listed`.

    The next request to submit, replace or cancel is answered by the first of `answers`, if there is one: a status and
    a body.
    """

    def __init__(self) -> None:
        self._orders: dict[str, dict[str, Any]] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.posted: list[dict[str, Any]] = []
        self.patched: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.listed: list[dict[str, str]] = []

    def add(self, type: str, terms: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
        """Adds an order that pays 1.5 SOL for USDC, with its first event if it waits."""
        order = order_of(type, terms, **changes)
        self._orders[order["orderId"]] = order
        self._events[order["orderId"]] = []
        if terms is None:
            return order
        request = ("market", "type", "tokenIn", "tokenOut", "amountIn", "amountInBaseUnits", "slippageBps")
        data = {name: order[name] for name in (*request, "expiresAt", "terms")}
        self.event(order, "open", **data, reason="accepted", message=None, slice=None)
        return order

    def all(self) -> list[dict[str, Any]]:
        return [*self._orders.values()]

    def event(self, order: dict[str, Any], status: str, **data: Any) -> None:
        """Adds an event to those of an order, and sets its status."""
        events = self._events[order["orderId"]]
        # A reason alone repeats what the event before it says of the order.
        data = {**events[-1]["data"], **data} if status == "open" and events else data
        at = order["createdAt"] if not events else ahead(0)
        event = {"orderId": order["orderId"], "seq": len(events) + 1, "status": status, "at": at, "attempt": 1}
        events.append({**event, "data": data})
        order.update(status=status, updatedAt=at)

    def take(self, page: Page) -> None:
        """Answers the page's requests from its next one on."""
        page.route("**/api/orders?*", self._list)
        page.route(_ONE, self._one)
        page.route("**/api/orders/active", self._active)
        page.route("**/api/orders/counts", self._counts)
        page.route("**/api/orders", self._cancel_all)
        page.route("**/api/orders/execute", self._submit)

    def _list(self, route: Route) -> None:
        query = dict(parse_qsl(urlsplit(route.request.url).query))
        self.listed.append(query)
        kept = ("status", "type", "parentId")
        orders = [
            order
            for order in self._orders.values()
            if all(order[name] == query.get(name, order[name]) for name in kept)
        ]
        route.fulfill(
            json={"orders": sorted(orders, key=lambda order: str(order["orderId"]), reverse=True), "nextCursor": None}
        )

    def _active(self, route: Route) -> None:
        running = [
            {**order, "startedAt": events[0]["at"], "event": events[-1]}
            for order in self._orders.values()
            if (events := self._events[order["orderId"]]) and order["status"] in RUNNING
        ]
        route.fulfill(json={"orders": running, "complete": True})

    def _counts(self, route: Route) -> None:
        counts = Counter(order["status"] for order in self._orders.values())
        route.fulfill(json={"counts": {status: counts[status] for status in Status}, "atMost": 10_000})

    def _one(self, route: Route) -> None:
        order = self._orders[urlsplit(route.request.url).path.rpartition("/")[2]]
        if route.request.method == "PATCH":
            changes = _body(route)
            self.patched.append(changes)
            if self._answer(route):
                return
            terms = {name: changes.get(name, value) for name, value in order["terms"].items()}
            order.update({name: value for name, value in changes.items() if name in order}, terms=terms)
            replaced = {name: order[name] for name in ("amountIn", "expiresAt", "terms")}
            self.event(order, "open", **replaced, reason="replaced")
        route.fulfill(json={**order, "events": self._events[order["orderId"]]})

    def _cancel_all(self, route: Route) -> None:
        self.deleted.append(urlsplit(route.request.url).query)
        if not self._answer(route):
            route.fulfill(json={"cancelled": [], "complete": True})

    def _submit(self, route: Route) -> None:
        self.posted.append(_body(route))
        if not self._answer(route):
            type = self.posted[-1]["type"]
            order = self.add("limit", LIMIT) if type == "oco" else self.add(type, _terms(type))
            route.fulfill(status=202, json=order)

    def _answer(self, route: Route) -> bool:
        if not self.answers:
            return False
        status, body = self.answers.pop(0)
        route.fulfill(status=status, json=body)
        return True


def _terms(type: str) -> dict[str, Any]:
    terms: dict[str, dict[str, Any]] = {"limit": LIMIT, "stop": STOP, "recurring": recurring(), "sniper": SNIPER}
    return terms[type]


def _body(route: Route) -> dict[str, Any]:
    body: dict[str, Any] = route.request.post_data_json or {}
    return body


def order_of(type: str, terms: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    amounts = ("quotedOut", "minOut", "amountOut", "amountSpent")
    texts = ("venue", "executedPrice", "txHash", "error", "clientOrderId", "userId", "quoteId", "expiresAt")
    units = (f"{name}BaseUnits" for name in amounts)
    unknown = dict.fromkeys((*amounts, *units, *texts, "parentId", "linkedOrderId"))
    return {
        "orderId": str(uuid7()),
        "type": type,
        "status": "open",
        "market": "Simulated",
        "tokenIn": "SOL",
        "tokenOut": "USDC",
        "amountIn": "1.5",
        "amountInBaseUnits": "1500000000",
        "slippageBps": 50,
        "maxPriceImpactBps": 500,
        "attempt": 1,
        "createdAt": ahead(-5400),
        "updatedAt": ahead(-5400),
        **unknown,
        "terms": terms,
        **changes,
    }


def refusal(*problems: tuple[str, str], code: str = "InvalidOrder", status: int = 400) -> tuple[int, dict[str, Any]]:
    """Returns an answer that names a problem of each of these fields."""
    details = [{"field": field, "message": message} for field, message in problems]
    return status, {"error": {"code": code, "message": "expected another order", "details": details}}
