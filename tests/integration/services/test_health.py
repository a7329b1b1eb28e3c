from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from order_engine.aws.endpoints import Endpoint
from order_engine.aws.json_api import JsonApi
from order_engine.aws.queues import SqsOrderQueue
from order_engine.aws.signing import Credentials, Signer
from order_engine.services.health import Health
from order_engine.storage.active_orders import RedisActiveOrders
from order_engine.storage.database import Database
from tests.support.aws import Aws, aws
from tests.support.network import closed_port


@contextmanager
def health(database: Database, redis_url: str, queue: Aws, down: str) -> Iterator[Health]:
    """A health check with one part unreachable."""
    with ExitStack() as stack:
        nowhere = f"127.0.0.1:{stack.enter_context(closed_port())}"
        host, port = nowhere.split(":")
        postgres = Database(f"host={host} port={port} user=postgres") if down == "postgres" else database
        redis = RedisActiveOrders(f"redis://{nowhere}/0" if down == "redis" else redis_url, lambda warning: None)
        signer = Signer(Credentials("test", "test"), "sqs", "us-east-1")
        endpoint = Endpoint(f"http://{nowhere}" if down == "queue" else queue.url, signer, seconds=3)
        orders = SqsOrderQueue(JsonApi(endpoint, "AmazonSQS", attempts=1), queue.queue_url("OrderQueue"))
        checks = {"postgres": lambda: postgres.fetch("SELECT 1"), "redis": redis.ping, "queue": orders.ping}
        yield Health(checks, authority="postgres")


@pytest.mark.parametrize(
    ("down", "status"), [("nothing", "up"), ("postgres", "down"), ("redis", "degraded"), ("queue", "degraded")]
)
def test_health_reports_each_part_separately(database: Database, redis_url: str, down: str, status: str) -> None:
    with aws() as queue, health(database, redis_url, queue, down) as checked:
        report = checked.report()
    assert report["status"] == status
    states = {name: check["status"] for name, check in report["checks"].items()}
    assert states == {name: "down" if name == down else "up" for name in ("postgres", "redis", "queue")}
    assert all(check["latencyMs"] >= 0 for check in report["checks"].values())
    assert ["error" in check for check in report["checks"].values()] == [name == down for name in states]
