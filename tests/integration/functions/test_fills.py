"""What a client's orders have paid and received, by HTTP."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from order_engine.api import cursors
from order_engine.api.callers import authorizer_context
from order_engine.api.fills import COLUMNS
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.timestamps import rfc3339
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.events import rest
from tests.support.functions import ORDER, Functions, answered, dispatched, refusal
from tests.support.orders import CLIENT, OTHER, brought_to

pytestmark = pytest.mark.usefixtures("nothing_sent")

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ADD = """
    INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, amount_spent, amount_out, slippage_bps,
                        status, tx_hash, venue, market, updated_at, fee_lamports, rent_lamports, client_order_id)
    VALUES (%(id)s, %(client)s, %(type)s, %(token_in)s, %(token_out)s, %(paid)s, %(spent)s, %(got)s, 50,
            'confirmed', %(tx_hash)s, 'raydium', %(market)s, %(at)s, %(fee)s, %(rent)s, %(mine)s)"""


def filled(database: Database, at: datetime, paid: int, got: int, **changes: Any) -> str:
    """Stores an order that was filled then, of SOL for USDC unless it is changed. Returns its id."""
    id = uuid7()
    values = {
        "client": CLIENT,
        "type": "market",
        "token_in": "SOL",
        "token_out": "USDC",
        "tx_hash": f"tx of {id}",
        "market": "Simulated",
        "fee": 5_000,
        "rent": 0,
        "mine": None,
        "spent": paid,
    }
    database.execute(_ADD, {**values, "id": id, "at": at, "paid": paid, "got": got, **changes})
    return str(id)


def get(functions: Functions, path: str, **query: str) -> Any:
    status, body = answered(functions("market", rest("GET", path, query=query or None)))
    assert status == 200, body
    return body


def fills(functions: Functions, **query: str) -> list[str]:
    return [fill["orderId"] for fill in get(functions, "/api/fills", **query)["fills"]]


def test_an_order_that_was_executed_is_a_fill(functions: Functions, orders: PostgresOrderStore) -> None:
    _, order = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER))))
    for status in (Status.FAILED, Status.SUBMITTED):
        brought_to(orders, status)
    assert get(functions, "/api/fills") == {"fills": [], "nextCursor": None}
    dispatched(functions, UUID(order["orderId"]))
    _, order = answered(functions("submit", rest("GET", f"/api/orders/{order['orderId']}")))
    (fill,) = get(functions, "/api/fills")["fills"]
    assert fill.items() <= {**order, **order["events"][-1]["data"], "filledAt": order["updatedAt"]}.items()
    assert {*fill} == {*COLUMNS, "amountInBaseUnits", "amountOutBaseUnits", "networkFeeBaseUnits", "rentBaseUnits"}


def test_fills_are_paged_the_newest_fill_first(functions: Functions, database: Database) -> None:
    # The order that was filled first was submitted last.
    at = [DAY + timedelta(hours=hours) for hours in (4, 3, 3, 2, 1)]
    ids = [filled(database, time, 10**9, 180 * 10**6) for time in at]
    expected = [ids[0], *sorted(ids[1:3], reverse=True), *ids[3:]]
    found, query = [], {"limit": "2"}
    for _ in range(3):
        page = get(functions, "/api/fills", **query)
        found.append([fill["orderId"] for fill in page["fills"]])
        query["cursor"] = page["nextCursor"]
    assert found == [expected[:2], expected[2:4], expected[4:]]
    assert query["cursor"] is None


def test_fills_are_selected_by_time_and_pair(functions: Functions, database: Database) -> None:
    sold, bought = (
        filled(database, DAY, 10**9, 180 * 10**6),
        filled(database, DAY + timedelta(1), 10**6, 10**7, token_in="USDC", token_out="SOL"),
    )
    assert fills(functions) == [bought, sold]
    assert fills(functions, tokenPair="USDC-SOL") == [bought]
    assert fills(functions, **{"from": rfc3339(DAY + timedelta(1))}) == [bought]
    assert fills(functions, to=rfc3339(DAY + timedelta(1))) == [sold]
    assert fills(functions, tokenPair="SOL-RAY") == []


def test_a_recurring_order_is_no_fill_and_old_fills_lack_their_costs(functions: Functions, database: Database) -> None:
    filled(database, DAY, 10**9, 180 * 10**6, type="recurring", tx_hash=None)
    filled(database, DAY, 10**9, 180 * 10**6, spent=None, fee=None, rent=None)
    (fill,) = get(functions, "/api/fills")["fills"]
    assert (fill["amountIn"], fill["networkFee"], fill["rent"]) == ("1", None, None)


def test_another_clients_fills_are_neither_listed_nor_paged(functions: Functions, database: Database) -> None:
    theirs = filled(database, DAY + timedelta(1), 10**9, 180 * 10**6, client=OTHER.client_id)
    mine = filled(database, DAY, 10**9, 180 * 10**6)
    assert fills(functions) == [mine]
    event = rest("GET", "/api/fills", query={"limit": "1"})
    event["requestContext"]["authorizer"] = authorizer_context(OTHER)
    assert [fill["orderId"] for fill in answered(functions("market", event))[1]["fills"]] == [theirs]
    assert fills(functions, cursor=cursors.encode(UUID(theirs))) == []


@pytest.mark.parametrize("asks", [{"query": {"format": "csv"}}, {"accept": "text/csv"}])
def test_fills_as_csv(functions: Functions, database: Database, asks: dict[str, Any]) -> None:
    mine = 'a, "quoted"\nline'
    filled(database, DAY, 10**9, 180 * 10**6, mine=mine)
    event = rest("GET", "/api/fills", query=asks.get("query"))
    event["headers"]["Accept"] = asks.get("accept", "*/*")
    answer = functions("market", event)
    assert answer["multiValueHeaders"]["Content-Type"] == ["text/csv; charset=utf-8; header=present"]
    assert answer["body"].endswith("\r\n")
    header, row = csv.reader(io.StringIO(answer["body"], newline=""))
    (fill,) = get(functions, "/api/fills")["fills"]
    assert tuple(header) == COLUMNS
    assert dict(zip(header, row, strict=True)) == {name: fill[name] or "" for name in COLUMNS}
    assert fill["clientOrderId"] == mine


def test_a_page_as_csv_names_the_next_one_in_a_header(functions: Functions, database: Database) -> None:
    for hour in range(2):
        filled(database, DAY + timedelta(hours=hour), 10**9, 180 * 10**6)
    query = {"format": "csv", "limit": "1"}
    first = functions("market", rest("GET", "/api/fills", query=query))
    (cursor,) = first["multiValueHeaders"]["X-Next-Cursor"]
    last = functions("market", rest("GET", "/api/fills", query={**query, "cursor": cursor}))
    assert "X-Next-Cursor" not in last["multiValueHeaders"]
    assert len({first["body"], last["body"]}) == 2


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_of_a_client_is_a_formula(functions: Functions, database: Database, formula: str) -> None:
    filled(database, DAY, 10**9, 180 * 10**6, mine=formula)
    answer = functions("market", rest("GET", "/api/fills", query={"format": "csv"}))
    _, row = csv.reader(io.StringIO(answer["body"], newline=""))
    assert row[COLUMNS.index("clientOrderId")] == f"'{formula}"


def test_the_points_of_a_history_add_up_what_fills_paid_received_and_cost(
    functions: Functions, database: Database
) -> None:
    filled(database, DAY, 10**9, 180 * 10**6, rent=2_039_280)
    filled(database, DAY + timedelta(hours=1), 2 * 10**9, 350 * 10**6)
    filled(database, DAY + timedelta(days=2), 100 * 10**6, 5 * 10**8, token_in="USDC", token_out="SOL")
    # Neither another market's nor another client's, nor those before.
    filled(database, DAY, 10**9, 180 * 10**6, market="Devnet")
    filled(database, DAY, 10**9, 180 * 10**6, client=OTHER.client_id)
    filled(database, DAY - timedelta(days=3), 10**9, 180 * 10**6)
    period = {"from": "2026-03-01T00:00:00.000Z", "to": "2026-03-08T00:00:00.000Z"}
    body = get(functions, "/api/fills/balances", **period)
    points = [(point["at"][:10], point["token"], point["change"], point["total"]) for point in body.pop("points")]
    assert body == {"market": "Simulated", "since": period["from"], "until": period["to"], "interval": "day"}
    assert points == [
        ("2026-03-01", "SOL", "-3.00204928", "-3.00204928"),
        ("2026-03-01", "USDC", "530", "530"),
        ("2026-03-03", "SOL", "0.499995", "-2.50205428"),
        ("2026-03-03", "USDC", "-100", "430"),
    ]
    hours = get(functions, "/api/fills/balances", **period, interval="hour")["points"]
    assert [(point["at"][:13], point["changeBaseUnits"]) for point in hours if point["token"] == "USDC"] == [
        ("2026-03-01T12", "180000000"),
        ("2026-03-01T13", "350000000"),
        ("2026-03-03T12", "-100000000"),
    ]
    assert get(functions, "/api/fills/balances")["points"] == []


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/api/fills", {"limit": "1001"}, "limit"),
        ("/api/fills", {"format": "xml"}, "format"),
        ("/api/fills", {"cursor": "x"}, "cursor"),
        ("/api/fills", {"tokenPair": "SOL"}, "tokenPair"),
        ("/api/fills", {"status": "confirmed"}, "status"),
        ("/api/fills", {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "to"),
        ("/api/fills/balances", {"interval": "week"}, "interval"),
        ("/api/fills/balances", {"interval": "hour", "from": "2020-01-01T00:00:00Z"}, "from"),
        ("/api/fills/balances", {"from": "9999-12-31T00:00:00Z"}, "from"),
        ("/api/fills/balances", {"to": "0001-01-01T00:00:00Z"}, "from"),
        ("/api/fills/balances", {"tokenPair": "SOL-USDC"}, "tokenPair"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    functions: Functions, path: str, query: dict[str, str], field: str
) -> None:
    answer = functions("market", rest("GET", path, query=query))
    assert refusal(answer) == (400, "InvalidRequest")
    assert [problem["field"] for problem in json.loads(answer["body"])["error"]["details"]] == [field]
