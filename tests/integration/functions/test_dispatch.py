"""Messages of the order queue, each of which runs an order."""

from __future__ import annotations

from typing import Any

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from order_engine.api.views import event_view
from order_engine.domain.lifecycle import Status
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.aws import Aws
from tests.support.events import SCHEDULED, sqs
from tests.support.functions import Functions, dispatched, new_environment
from tests.support.http_server import HttpServer
from tests.support.network import closed_port
from tests.support.orders import LIFE, claimed, new_order, statuses
from tests.support.scripted_server import HANG_UP, ok, scripted_server

pytestmark = pytest.mark.usefixtures("nothing_sent")


def test_a_message_runs_its_order_to_the_end(
    functions: Functions, orders: PostgresOrderStore, clients: HttpServer, database: Database
) -> None:
    order = new_order(orders, connection_id="c1")
    assert dispatched(functions, order.id, published_seq=1) == {"batchItemFailures": []}
    assert orders.get(order.id).status is Status.CONFIRMED
    assert statuses(orders, order.id) == LIFE
    assert clients.pushed("c1") == [event_view(event) for event in orders.events(order.id, after=1)]
    assert len(database.fetch("SELECT FROM market_transactions")) == 1


def test_a_listener_gets_the_first_event_too_if_the_submission_was_cut_short(
    functions: Functions, orders: PostgresOrderStore, clients: HttpServer, database: Database, services: Aws
) -> None:
    """GIVEN an order that was stored, but neither published nor enqueued."""
    order = new_order(orders, connection_id="c1")
    database.execute("UPDATE orders SET enqueued_at = now() - interval '1 hour'")
    functions("recover", SCHEDULED)
    (message,) = services.messages("OrderQueue")
    functions("dispatch", sqs(message))
    assert clients.pushed("c1") == [event_view(event) for event in orders.events(order.id)]


def test_a_message_from_before_a_deployment_has_all_events_published(
    functions: Functions, orders: PostgresOrderStore, clients: HttpServer
) -> None:
    order = new_order(orders, connection_id="c1")
    functions("dispatch", sqs({"orderId": str(order.id)}))
    assert clients.pushed("c1") == [event_view(event) for event in orders.events(order.id)]


def test_a_repeated_message_runs_its_order_once(
    functions: Functions, orders: PostgresOrderStore, database: Database
) -> None:
    order = new_order(orders)
    for _ in range(2):
        assert dispatched(functions, order.id) == {"batchItemFailures": []}
    assert statuses(orders, order.id) == LIFE
    assert len(database.fetch("SELECT FROM market_transactions")) == 1


def test_repeated_messages_for_an_ended_order_push_its_history_once(
    functions: Functions, orders: PostgresOrderStore, clients: HttpServer
) -> None:
    order = new_order(orders, connection_id="c1")
    dispatched(functions, order.id)
    told = len(clients.pushed("c1"))
    for _ in range(5):
        assert dispatched(functions, order.id) == {"batchItemFailures": []}
    pushed = clients.pushed("c1")[told:]
    assert pushed == [event_view(event) for event in orders.events(order.id)]


def test_an_order_that_another_run_holds_is_left_alone(functions: Functions, orders: PostgresOrderStore) -> None:
    order = claimed(orders)
    assert dispatched(functions, order.id) == {"batchItemFailures": []}
    assert orders.get(order.id) == order


def test_a_failed_order_does_not_return_its_message(
    functions: Functions, orders: PostgresOrderStore, database: Database
) -> None:
    database.execute("DELETE FROM market_pools")
    order = new_order(orders)
    assert dispatched(functions, order.id) == {"batchItemFailures": []}
    failed = orders.get(order.id)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert (failed.error["code"], failed.error["attempts"], failed.error["retryable"]) == ("NoRoute", 1, False)


def test_an_unfinished_order_returns_its_message_and_releases_its_lease(
    functions: Functions, orders: PostgresOrderStore, services: Aws
) -> None:
    order = new_order(orders)
    route, execute = services.handlers["RouteFunction"], services.handlers["ExecuteFunction"]

    def broken(event: Any, context: Any) -> Any:
        raise KeyError("a defect")

    services.handlers |= {"RouteFunction": broken, "ExecuteFunction": broken}
    try:
        with pytest.raises(BatchProcessingError, match="ExecutionFailed"):
            dispatched(functions, order.id)
    finally:
        services.handlers |= {"RouteFunction": route, "ExecuteFunction": execute}
    assert orders.get(order.id).status is Status.PENDING
    assert dispatched(functions, order.id) == {"batchItemFailures": []}
    assert orders.get(order.id).status is Status.CONFIRMED


def test_an_unreachable_state_machine_returns_the_message(
    environment: dict[str, str], orders: PostgresOrderStore
) -> None:
    order = new_order(orders)
    with (
        closed_port() as port,
        new_environment({**environment, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}) as functions,
        pytest.raises(BatchProcessingError),
    ):
        dispatched(functions, order.id)
    assert orders.get(order.id).status is Status.PENDING


@pytest.mark.parametrize("answer", [HANG_UP, ok(b"{}", "503 Service Unavailable")], ids=["lost", "unavailable"])
def test_an_execution_that_may_have_started_is_not_started_again(
    environment: dict[str, str], orders: PostgresOrderStore, answer: bytes
) -> None:
    order = new_order(orders)
    with (
        scripted_server(answer, ok(b'{"status": "SUCCEEDED"}')) as states,
        new_environment({**environment, "AWS_ENDPOINT_URL": states.url}) as functions,
        pytest.raises(BatchProcessingError, match="StartSyncExecution: "),
    ):
        dispatched(functions, order.id)
    assert [request.headers["x-amz-target"] for request in states.received] == ["AWSStepFunctions.StartSyncExecution"]


@pytest.mark.parametrize("body", ["no json", "{}", '{"orderId": "7"}'])
def test_a_malformed_message_becomes_a_dead_letter(functions: Functions, body: str) -> None:
    with pytest.raises(BatchProcessingError):
        functions("dispatch", sqs(body))
