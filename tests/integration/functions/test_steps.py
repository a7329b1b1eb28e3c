"""The steps of the state machine: Route, Build, Submit, Confirm and Fail."""

from __future__ import annotations

import json
import sys

import pytest

from order_engine.domain.errors import NoRoute, StaleRun
from order_engine.domain.runs import Run
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.functions import Functions, states_input
from tests.support.orders import claimed

pytestmark = pytest.mark.usefixtures("nothing_sent")


def test_each_step_passes_the_order_to_the_next(functions: Functions, orders: PostgresOrderStore) -> None:
    order = claimed(orders)
    run = functions("route", states_input(Run.of(order)))
    assert (run["status"], run["quote"]["swaps"][0]["venue"], run["transaction"]) == (
        "routing",
        orders.get(order.id).venue,
        None,
    )
    for step, status in (("build", "building"), ("submit", "submitted"), ("confirm", "confirmed")):
        run = functions("execute", states_input(run, step=step))
        assert run["status"] == orders.get(order.id).status == status
    assert run["transaction"]["signature"] == orders.get(order.id).tx_hash


def test_a_step_stores_the_state_machines_attempt(functions: Functions, orders: PostgresOrderStore) -> None:
    order = claimed(orders)
    functions("route", states_input(Run.of(order), attempt=2))
    assert orders.get(order.id).attempt == 2
    assert orders.events(order.id)[-1].attempt == 2


def test_a_step_raises_the_errors_that_the_state_machine_names(
    functions: Functions, orders: PostgresOrderStore, database: Database
) -> None:
    order = claimed(orders)
    with pytest.raises(StaleRun):
        functions("route", states_input({**Run.of(order).dump(), "run": "another"}))
    database.execute("DELETE FROM market_pools")
    with pytest.raises(NoRoute):
        functions("route", states_input(Run.of(order)))


def test_the_fail_step_stores_the_reason(functions: Functions, orders: PostgresOrderStore) -> None:
    order = claimed(orders)
    error = {"Error": "NoRoute", "Cause": json.dumps({"errorMessage": "no pool", "errorType": "NoRoute"})}
    run = functions("execute", states_input(Run.of(order), step="fail", error=error))
    failed = orders.get(order.id).error
    assert run["status"] == "failed"
    assert failed is not None
    assert (failed["code"], failed["message"]) == ("NoRoute", "no pool")


def test_an_unknown_step_is_refused(functions: Functions, orders: PostgresOrderStore) -> None:
    order = claimed(orders)
    with pytest.raises(ValueError, match="expected step build, submit, confirm or fail, was 'dance'"):
        functions("execute", states_input(Run.of(order), step="dance"))


def test_a_steps_log_lines_name_its_order(functions: Functions, orders: PostgresOrderStore) -> None:
    first, second = claimed(orders), claimed(orders)
    built = functions("route", states_input(Run.of(first)))
    # Made anew with the environment that `functions` are in.
    logger = sys.modules["order_engine.aws.observability"].logger
    assert logger.get_correlation_id() == str(first.id)
    functions("route", states_input(Run.of(second)))
    assert logger.get_correlation_id() == str(second.id)
    functions("execute", states_input(built, step="build"))
    assert logger.get_correlation_id() == str(first.id)
