"""Every event is counted once, whichever function commits it, and a repeated request counts nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from order_engine.domain.errors import StaleRun
from order_engine.domain.runs import Run
from order_engine.storage.orders import PostgresOrderStore
from tests.support.events import rest, sqs, websocket
from tests.support.functions import ORDER, Functions, answered, dispatched, states_input
from tests.support.orders import CLIENT, claimed, new_order

pytestmark = pytest.mark.usefixtures("nothing_sent")

Counted = Callable[[], dict[str, int]]

CAUGHT = {"Error": "NoRoute", "Cause": "no pool"}


@pytest.fixture
def counted(capsys: pytest.CaptureFixture[str]) -> Counted:
    """Returns what was counted since the last call, as CloudWatch reads it from the logs."""

    def read() -> dict[str, int]:
        lines = [line for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
        return dict(sum((_counts(json.loads(line)) for line in lines), Counter[str]()))

    read()
    return read


def _counts(line: dict[str, Any]) -> Counter[str]:
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("OrderEngine", [["service"]])
    assert line["service"] == "order-engine"
    return Counter({metric["Name"]: int(sum(line[metric["Name"]])) for metric in directive["Metrics"]})


def test_an_order_over_rest_is_counted_once(functions: Functions, orders: PostgresOrderStore, counted: Counted) -> None:
    for expected in ({"OrderPending": 1}, {}):
        status, _ = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER))))
        assert (status, counted()) == (202, expected)


def test_an_order_over_the_socket_is_counted_once(
    functions: Functions, orders: PostgresOrderStore, counted: Counted
) -> None:
    for expected in ({"OrderPending": 1}, {}):
        functions("ws_connect", websocket("MESSAGE", body=json.dumps({"action": "execute", **ORDER})))
        assert counted() == expected


def test_a_refused_order_is_not_counted(functions: Functions, orders: PostgresOrderStore, counted: Counted) -> None:
    functions("submit", rest("POST", "/api/orders/execute", json.dumps({**ORDER, "amountIn": "-1"})))
    functions("ws_connect", websocket("MESSAGE", body=json.dumps({"action": "execute", **ORDER, "amountIn": "-1"})))
    assert counted() == {}


def test_a_cancellation_is_counted_once_wherever_it_is_repeated(
    functions: Functions, orders: PostgresOrderStore, counted: Counted
) -> None:
    for over_rest_first in (True, False):
        order_id = str(new_order(orders).id)
        calls = [
            ("submit", rest("DELETE", "/api/orders/<order_id>", pathParameters={"order_id": order_id})),
            ("ws_connect", websocket("MESSAGE", body=json.dumps({"action": "cancel", "orderId": order_id}))),
        ]
        for (name, event), expected in zip(
            calls[:: 1 if over_rest_first else -1], ({"OrderCancelled": 1}, {}), strict=True
        ):
            event["path"] = event.get("path", "").replace("<order_id>", order_id)
            functions(name, event)
            assert counted() == expected


def test_each_event_of_a_life_is_counted_once(
    functions: Functions, orders: PostgresOrderStore, counted: Counted
) -> None:
    order = new_order(orders)
    for expected in ({f"Order{step}": 1 for step in ("Routing", "Building", "Submitted", "Confirmed")}, {}):
        dispatched(functions, order.id)
        assert counted() == expected


@pytest.mark.parametrize("step", ["build", "submit", "confirm"])
def test_a_repeated_step_is_counted_once(
    functions: Functions, orders: PostgresOrderStore, counted: Counted, step: str
) -> None:
    run = functions("route", states_input(Run.of(claimed(orders))))
    for earlier in ("build", "submit", "confirm"):
        if earlier == step:
            break
        run = functions("execute", states_input(run, step=earlier))
    counted()
    counts = []
    for _ in range(2):
        functions("execute", states_input(run, step=step))
        counts.append(sum(counted().values()))
    assert counts == [1, 0]


def test_a_repeated_failure_is_counted_once(functions: Functions, orders: PostgresOrderStore, counted: Counted) -> None:
    run = Run.of(claimed(orders))
    for expected in ({"OrderFailed": 1}, {}):
        functions("execute", states_input(run, step="fail", error=CAUGHT))
        assert counted() == expected


def test_an_order_that_ends_as_a_dead_letter_is_counted_once(
    functions: Functions, orders: PostgresOrderStore, counted: Counted
) -> None:
    order = new_order(orders)
    for expected in ({"OrderFailed": 1}, {}):
        functions("recover", sqs({"orderId": str(order.id)}))
        assert counted() == expected


def test_an_event_is_counted_even_if_its_function_is_cut_short_afterwards(
    functions: Functions, orders: PostgresOrderStore, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    run = states_input(Run.of(claimed(orders)))
    functions.handler("route")
    monkeypatch.setattr("functions.route.app.execution._publish", killed)
    with pytest.raises(Killed):
        functions("route", run)
    assert counted() == {"OrderRouting": 1}


def test_a_move_of_a_superseded_run_is_not_counted(
    functions: Functions, orders: PostgresOrderStore, counted: Counted
) -> None:
    run = Run.of(claimed(orders))
    orders.cancel(CLIENT, run.order_id)
    counted()
    with pytest.raises(StaleRun):
        functions("route", states_input(run))
    assert counted() == {}
