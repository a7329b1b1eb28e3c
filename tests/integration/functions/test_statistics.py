"""How many orders a client has in each status, and how long those that have ended took, by HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from order_engine.api.callers import authorizer_context
from order_engine.api.statistics import MAX_COUNTED
from order_engine.domain.decisions import Candidate, Decision
from order_engine.domain.lifecycle import FINAL, RUNNING, Status
from order_engine.domain.timestamps import rfc3339
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.statistics import PostgresStatistics
from tests.support.events import rest
from tests.support.functions import ORDER, Functions, answered, dispatched, refusal
from tests.support.orders import CLIENT, OTHER, PATHS, brought_to, new_order

pytestmark = pytest.mark.usefixtures("nothing_sent", "database")

COUNTS = "/api/orders/counts"
TIMINGS = "/api/orders/timings"
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def get(functions: Functions, path: str, **query: str) -> Any:
    status, body = answered(functions("market", rest("GET", path, query=query or None)))
    assert status == 200, body
    return body


def get_as_other(functions: Functions, path: str) -> Any:
    event = rest("GET", path)
    event["requestContext"]["authorizer"] = authorizer_context(OTHER)
    return answered(functions("market", event))[1]


def lived(database: Database, id: UUID, *events: tuple[str, float, dict[str, Any]]) -> None:
    """Replaces the events of an order by those of these statuses, so many milliseconds after its first one."""
    database.execute("DELETE FROM order_events WHERE order_id = %(id)s", {"id": id})
    for seq, (status, milliseconds, data) in enumerate(events, 1):
        database.execute(
            """
            INSERT INTO order_events (order_id, seq, status, at, attempt, data)
            VALUES (%(id)s, %(seq)s, %(status)s, %(at)s, 1, %(data)s)""",
            {
                "id": id, "seq": seq, "status": status, "at": BEGAN + timedelta(milliseconds=milliseconds),
                "data": Jsonb(data),
            },
        )  # fmt: skip


def decision(amount_in: int, *prices: str) -> Decision:
    """A decision between routes through one venue that pay these prices."""
    routes = [Candidate("raydium-cp", "raydium", amount_in * int(price) // 1000, 1, 25, 0) for price in prices]
    return Decision("SOL", "USDC", amount_in, "raydium", "", (), (), tuple(routes), ())


def ids(orders: Sequence[dict[str, Any]]) -> list[str]:
    return [order["orderId"] for order in orders]


def test_orders_are_counted_in_every_status(functions: Functions, orders: PostgresOrderStore) -> None:
    assert get(functions, COUNTS)["counts"] == dict.fromkeys(Status, 0)
    for status in PATHS:
        brought_to(orders, status)
    brought_to(orders, Status.CONFIRMED)
    expected = {**dict.fromkeys(PATHS, 1), Status.CONFIRMED: 2, Status.EXPIRED: 0}
    assert get(functions, COUNTS) == {"counts": expected, "atMost": MAX_COUNTED}
    assert get_as_other(functions, COUNTS)["counts"] == dict.fromkeys(Status, 0)


def test_orders_are_counted_as_far_as_is_said(database: Database, orders: PostgresOrderStore) -> None:
    for _ in range(3):
        new_order(orders)
    counted = PostgresStatistics(database)
    assert [counted.counts(CLIENT, at_most)[Status.PENDING] for at_most in (2, 3, 4)] == [2, 3, 3]


def test_an_order_that_was_executed_is_timed_by_its_events(functions: Functions) -> None:
    _, order = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER))))
    assert get(functions, TIMINGS) == {"orders": [], "complete": True}
    dispatched(functions, UUID(order["orderId"]))
    _, order = answered(functions("submit", rest("GET", f"/api/orders/{order['orderId']}")))
    (timing,) = get(functions, TIMINGS)["orders"]
    at = [datetime.fromisoformat(event["at"]) for event in order["events"]]
    statuses = [event["status"] for event in order["events"]]
    lasted = dict.fromkeys(RUNNING, 0.0)
    for status, since, until in zip(statuses, at, at[1:], strict=False):
        lasted[status] += (until - since) / timedelta(milliseconds=1)
    # The times of events are shown to the millisecond.
    assert timing.pop("steps") == pytest.approx(lasted, abs=order["attempt"])
    (routing,) = (event for event in order["events"] if event["status"] == "routing")
    best = {quote["venue"]: quote for quote in reversed(routing["data"]["quotes"])}
    assert timing.pop("routed") == {
        "at": routing["at"],
        "priceImpactBps": routing["data"]["priceImpactBps"],
        "quotes": [
            {name: best[venue][name] for name in ("venue", "price", "priceImpactBps")} for venue in sorted(best)
        ],
    }
    named = ("orderId", "type", "market", "tokenIn", "tokenOut", "status", "venue")
    assert timing == {
        **{name: order[name] for name in named},
        "endedAt": order["updatedAt"],
        "errorCode": None,
        "realisedSlippageBps": order["events"][-1]["data"]["realisedSlippageBps"],
        "attempts": order["attempt"],
    }


def test_all_attempts_count_and_waiting_does_not(
    functions: Functions, database: Database, orders: PostgresOrderStore
) -> None:
    order = brought_to(orders, Status.CONFIRMED)
    lived(
        database,
        order.id,
        ("open", 0, {}),
        ("pending", 60_000, {}),
        ("routing", 60_010, {"decision": decision(10**8, "180").dump()}),
        ("building", 60_030, {}),
        ("submitted", 60_070.5, {}),
        ("routing", 61_000, {"decision": decision(10**8, "190", "170").dump()}),
        ("building", 61_100, {}),
        ("submitted", 61_200, {}),
        ("confirmed", 62_000, {"realised_slippage_bps": -3}),
    )
    (timing,) = get(functions, TIMINGS)["orders"]
    assert timing["steps"] == {"pending": 10, "routing": 120, "building": 140.5, "submitted": 1729.5}
    assert timing["realisedSlippageBps"] == -3
    assert timing["routed"]["at"] == rfc3339(BEGAN + timedelta(seconds=61))
    assert [(quote["venue"], quote["price"]) for quote in timing["routed"]["quotes"]] == [("raydium", "190")]


def test_what_an_order_has_not_come_to_is_null(
    functions: Functions, database: Database, orders: PostgresOrderStore
) -> None:
    cancelled, forgotten = brought_to(orders, Status.CANCELLED), brought_to(orders, Status.CONFIRMED)
    lived(database, cancelled.id, ("pending", 0, {}), ("cancelled", 25, {}))
    lived(database, forgotten.id)
    newer, older = get(functions, TIMINGS)["orders"]
    assert older["steps"] == {"pending": 25, "routing": None, "building": None, "submitted": None}
    assert (newer["realisedSlippageBps"], set(newer["steps"].values())) == (None, {None})
    assert (newer["routed"], older["routed"]) == (None, None)


def test_the_newest_orders_that_have_ended_are_listed(
    functions: Functions, database: Database, orders: PostgresOrderStore
) -> None:
    ended = [str(brought_to(orders, status).id) for status in (*PATHS.keys() & FINAL, Status.CONFIRMED)]
    for status in PATHS.keys() - FINAL:
        brought_to(orders, status)
    newest_first = sorted(ended, reverse=True)
    everything = get(functions, TIMINGS, limit=str(len(ended)))
    assert (ids(everything["orders"]), everything["complete"]) == (newest_first, True)
    newest = get(functions, TIMINGS, limit="2")
    assert (ids(newest["orders"]), newest["complete"]) == (newest_first[:2], False)
    assert get_as_other(functions, TIMINGS) == {"orders": [], "complete": True}


def test_an_order_that_failed_says_why(functions: Functions) -> None:
    form = {**ORDER, "amountIn": "0.000000001"}
    _, order = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    dispatched(functions, UUID(order["orderId"]))
    _, order = answered(functions("submit", rest("GET", f"/api/orders/{order['orderId']}")))
    (timing,) = get(functions, TIMINGS)["orders"]
    assert (timing["status"], timing["errorCode"]) == ("failed", order["error"]["code"])


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (COUNTS, {"status": "open"}, "status"),
        (TIMINGS, {"limit": "1001"}, "limit"),
        (TIMINGS, {"limit": "0"}, "limit"),
        (TIMINGS, {"status": "confirmed"}, "status"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    functions: Functions, path: str, query: dict[str, str], field: str
) -> None:
    answer = functions("market", rest("GET", path, query=query))
    assert refusal(answer) == (400, "InvalidRequest")
    assert [problem["field"] for problem in json.loads(answer["body"])["error"]["details"]] == [field]
