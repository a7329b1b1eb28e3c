"""The queues of the template in moto, and the functions that send to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
import requests
from moto import mock_aws

from emulator.common.account import REGION
from emulator.sqs.records import Queue
from order_engine.aws.endpoints import Endpoint
from order_engine.aws.json_api import AwsError, JsonApi
from order_engine.aws.queues import SqsOrderQueue
from order_engine.aws.signing import Credentials, Signer
from order_engine.domain.lifecycle import Status
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.aws import stack
from tests.support.events import SCHEDULED, rest, sqs, websocket
from tests.support.functions import Functions, new_environment
from tests.support.http_server import HttpServer, serving
from tests.support.orders import CLIENT, new_order
from tests.support.scripted_server import ok, scripted_server

ORDER = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}


class Queues:
    """The queues by their logical ids in the template."""

    def __init__(self) -> None:
        self.client: Any = boto3.client("sqs", region_name=REGION)
        self.urls: dict[str, str] = {}
        for logical_id in ("DeadLetterQueue", "OrderQueue", "ReplayQueue"):
            settings = stack().of(Queue)[logical_id]
            attributes: Any = {"VisibilityTimeout": str(settings.visibility_timeout)}
            if settings.redrive:
                policy = {
                    "deadLetterTargetArn": self.attribute("DeadLetterQueue", "QueueArn"),
                    "maxReceiveCount": settings.redrive.max_receive_count,
                }
                attributes["RedrivePolicy"] = json.dumps(policy)
            answer = self.client.create_queue(QueueName=logical_id, Attributes=attributes)
            self.urls[logical_id] = answer["QueueUrl"]

    def attribute(self, logical_id: str, name: str) -> str:
        answer = self.client.get_queue_attributes(QueueUrl=self.urls[logical_id], AttributeNames=[name])
        return str(answer["Attributes"][name])

    def receive(self, logical_id: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.client.receive_message(
            QueueUrl=self.urls[logical_id], MaxNumberOfMessages=10
        ).get("Messages", [])
        return messages

    def give_back(self, logical_id: str, message: dict[str, Any]) -> None:
        """Receives a failed message again after its visibility timeout, as an event source mapping does."""
        self.client.change_message_visibility(
            QueueUrl=self.urls[logical_id], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )


@contextmanager
def served() -> Iterator[str]:
    """The URL of a server that hands requests to moto, which answers only within this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = requests.post(f"https://sqs.{REGION}.amazonaws.com{self.path}", body, headers=headers)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *arguments: object) -> None:
            pass

    with serving(Handler) as address:
        yield f"http://{address}"


@pytest.fixture
def queues() -> Iterator[Queues]:
    with mock_aws():
        yield Queues()


@pytest.fixture
def url(queues: Queues) -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture
def functions(queues: Queues, url: str, environment: dict[str, str]) -> Iterator[Functions]:
    ours = {
        **environment,
        "AWS_ENDPOINT_URL": url,
        "ORDER_QUEUE_URL": queues.urls["OrderQueue"],
        "REPLAY_QUEUE_URL": queues.urls["ReplayQueue"],
    }
    with new_environment(ours) as functions:
        yield functions


def order_queue(url: str, queue_url: str) -> SqsOrderQueue:
    signer = Signer(Credentials("test", "test"), "sqs", REGION)
    return SqsOrderQueue(JsonApi(Endpoint(url, signer, seconds=10), "AmazonSQS", attempts=1), queue_url)


def submit(functions: Functions) -> UUID:
    answer = functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER)))
    assert answer["statusCode"] == 202
    return UUID(json.loads(answer["body"])["orderId"])


def test_an_orders_message_holds_its_id_and_its_published_event(
    functions: Functions, queues: Queues, orders: PostgresOrderStore
) -> None:
    order_id = submit(functions)
    (message,) = queues.receive("OrderQueue")
    assert json.loads(message["Body"]) == {"orderId": str(order_id), "publishedSeq": 1}
    assert queues.receive("OrderQueue") == []
    assert queues.receive("ReplayQueue") == []


def test_every_order_has_a_message_of_its_own(functions: Functions, queues: Queues, orders: PostgresOrderStore) -> None:
    order_ids = {str(submit(functions)) for _ in range(5)}
    received = queues.receive("OrderQueue")
    assert len(received) == 5
    assert {json.loads(message["Body"])["orderId"] for message in received} == order_ids


def test_an_order_over_the_websocket_is_one_message_too(
    functions: Functions, queues: Queues, orders: PostgresOrderStore, clients: HttpServer
) -> None:
    functions("ws_connect", websocket("MESSAGE", body=json.dumps({"action": "execute", **ORDER})))
    (order,) = orders.page(CLIENT, 10)[0]
    (message,) = queues.receive("OrderQueue")
    assert json.loads(message["Body"]) == {"orderId": str(order.id), "publishedSeq": 1}


def test_the_sweep_sends_the_messages_of_many_orders(
    functions: Functions, queues: Queues, orders: PostgresOrderStore, database: Database
) -> None:
    ids = {str(new_order(orders).id) for _ in range(25)}
    database.execute("UPDATE orders SET enqueued_at = now() - interval '1 minute'")
    assert functions("recover", SCHEDULED) == {"enqueued": 25, "closed": 0}
    received = [message for _ in range(5) for message in queues.receive("OrderQueue")]
    assert sorted(json.loads(message["Body"])["orderId"] for message in received) == sorted(ids)


def test_a_queue_says_whether_messages_wait(queues: Queues, url: str) -> None:
    queue = order_queue(url, queues.urls["OrderQueue"])
    queue.ping()
    assert queue.is_empty()
    assert queue.enqueue_all({uuid4(): 0}) == []
    assert not queue.is_empty()


def test_a_queue_that_is_not_there_is_named_by_the_error(queues: Queues, url: str) -> None:
    with pytest.raises(AwsError, match=r"was 400: QueueDoesNotExist The specified queue does not exist"):
        order_queue(url, f"{queues.urls['OrderQueue']}-of-old").enqueue(uuid4())


def test_the_refused_messages_of_a_batch_name_their_orders() -> None:
    ids = [uuid4() for _ in range(3)]
    failed = {"Id": str(ids[1]), "SenderFault": False, "Code": "InternalError"}
    with scripted_server(ok(json.dumps({"Successful": [], "Failed": [failed]}).encode())) as server:
        assert order_queue(server.url, "queue").enqueue_all(dict.fromkeys(ids, 0)) == [ids[1]]


def test_a_refused_order_sends_no_message(functions: Functions, queues: Queues, orders: PostgresOrderStore) -> None:
    answer = functions("submit", rest("POST", "/api/orders/execute", json.dumps({**ORDER, "amountIn": "NaN"})))
    assert answer["statusCode"] == 400
    assert queues.receive("OrderQueue") == []


def test_a_connection_for_an_order_queues_a_replay(
    functions: Functions, queues: Queues, orders: PostgresOrderStore
) -> None:
    order = new_order(orders)
    functions("ws_connect", websocket("CONNECT", query={"orderId": str(order.id)}))
    (message,) = queues.receive("ReplayQueue")
    assert json.loads(message["Body"]) == {"connectionId": "c1", "clientId": str(CLIENT), "orderId": str(order.id)}


def test_health_asks_the_queue(functions: Functions, queues: Queues, orders: PostgresOrderStore) -> None:
    def queue_state() -> str:
        report = json.loads(functions("submit", rest("GET", "/health"))["body"])
        return str(report["checks"]["queue"]["status"])

    assert queue_state() == "up"
    queues.client.delete_queue(QueueUrl=queues.urls["OrderQueue"])
    assert queue_state() == "down"


def test_a_message_that_fails_too_often_becomes_a_dead_letter_and_its_order_fails(
    functions: Functions, queues: Queues, orders: PostgresOrderStore
) -> None:
    order_id = submit(functions)
    redrive = stack().of(Queue)["OrderQueue"].redrive
    assert redrive is not None
    for _ in range(redrive.max_receive_count):
        (message,) = queues.receive("OrderQueue")
        assert queues.receive("DeadLetterQueue") == []
        queues.give_back("OrderQueue", message)
    assert queues.receive("OrderQueue") == []
    (letter,) = queues.receive("DeadLetterQueue")
    assert letter["Body"] == message["Body"]
    assert functions("recover", sqs(letter["Body"])) == {"batchItemFailures": []}
    failed = orders.get(order_id)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error["message"].startswith("DeadLetter: ")


def test_dead_letters_are_kept_longer_than_the_order_queue_retries() -> None:
    orders, dead = stack().of(Queue)["OrderQueue"], stack().of(Queue)["DeadLetterQueue"]
    assert orders.redrive is not None
    assert orders.redrive.dead_letter_arn == dead.arn
    assert dead.retention > orders.visibility_timeout * orders.redrive.max_receive_count
    assert dead.redrive is None
