"""The watcher, invoked as by its schedule with time for one look at the market."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from order_engine.domain.lifecycle import Status
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.aws import Aws
from tests.support.events import SCHEDULED
from tests.support.functions import Functions, dispatched
from tests.support.open_orders import limit, open_order, recurring, stop

pytestmark = pytest.mark.usefixtures("nothing_sent")


def metrics(output: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"_aws"')]
    return {metric["Name"]: line for line in lines for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}


def test_an_order_that_the_market_has_reached_is_filled(
    functions: Functions,
    orders: PostgresOrderStore,
    database: Database,
    services: Aws,
    capsys: pytest.CaptureFixture[str],
) -> None:
    met, unmet, reached = (open_order(database, request) for request in (limit("100"), limit("900"), stop("900")))
    done = functions("watch", SCHEDULED)
    assert (done["open"], done["ticks"], done["activated"]) == (3, 1, 2)
    assert [orders.get(order.id).status for order in (met, unmet, reached)] == ["pending", "open", "pending"]
    messages = services.messages("OrderQueue")
    assert {(message["orderId"], message["publishedSeq"]) for message in messages} == {
        (str(met.id), 2),
        (str(reached.id), 2),
    }
    measured = metrics(capsys.readouterr().out)
    assert measured["OpenOrders"]["OpenOrders"] == [3]
    assert len(measured["WatchTick"]["WatchTick"]) == 1
    assert dispatched(functions, met.id, 2) == {"batchItemFailures": []}
    assert orders.get(met.id).status is Status.CONFIRMED
    assert [event.seq for event in orders.events(met.id)] == [1, 2, 3, 4, 5, 6]


def test_a_slice_is_a_market_order_of_its_own(
    functions: Functions, orders: PostgresOrderStore, database: Database, services: Aws
) -> None:
    parent = open_order(database, recurring(slices=3))
    assert functions("watch", SCHEDULED)["sliced"] == 1
    (message,) = services.messages("OrderQueue")
    (slice,) = database.fetch("SELECT id, type, status FROM orders WHERE parent_id = %(id)s", {"id": parent.id})
    assert (slice["type"], slice["status"], message["orderId"]) == ("market", "pending", str(slice["id"]))
    assert orders.get(parent.id).slices_done == 1


def test_an_order_expires(functions: Functions, orders: PostgresOrderStore, database: Database, services: Aws) -> None:
    order = open_order(database, limit("100", expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert functions("watch", SCHEDULED)["expired"] == 1
    assert orders.get(order.id).status is Status.EXPIRED
    assert services.messages("OrderQueue") == []


def test_a_watcher_that_an_order_wakes_leaves_another_one_alone(
    functions: Functions, orders: PostgresOrderStore, database: Database
) -> None:
    order = open_order(database, limit("100"))
    database.execute(
        "INSERT INTO leases (name, holder, held_until)"
        " VALUES ('watcher of Simulated', 'another', now() + interval '5 seconds')"
    )
    assert functions("watch", {})["ticks"] == 0
    assert orders.get(order.id).status is Status.OPEN
    database.execute("DELETE FROM leases")
    assert functions("watch", {})["activated"] == 1
