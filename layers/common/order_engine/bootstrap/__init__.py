"""Puts the parts together, once for each Lambda environment.

A handler calls one of these while it is imported, so that everything is ready before the first event; connections are
opened with the first use. Imports stand inside the functions: a cold start pays for nothing that it does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from json import dumps
from typing import TYPE_CHECKING, Any
from uuid import UUID

from order_engine import settings
from order_engine.aws.observability import inform, warn
from order_engine.storage.database import Database
from order_engine.storage.orders import OrderStore

if TYPE_CHECKING:
    from botocore.session import Session

    from order_engine.api.websocket import WebSocket
    from order_engine.aws.iam_tokens import Tokens
    from order_engine.aws.signing import Credentials
    from order_engine.domain.orders import Event
    from order_engine.ports import Connections
    from order_engine.services.authentication import Authorizing
    from order_engine.services.dispatching import Dispatch
    from order_engine.services.eviction import Eviction
    from order_engine.services.execution import Execution
    from order_engine.services.health import Health
    from order_engine.services.notifications import Notifications
    from order_engine.services.quotes import Quotes
    from order_engine.services.quoting import Quoting
    from order_engine.services.recovery import Recovery
    from order_engine.services.submission import Submission
    from order_engine.simulation.simulated import Latency, Market
    from order_engine.storage.active_orders import ActiveOrders
    from order_engine.storage.clients import ClientStore
    from order_engine.storage.connections import ConnectionStore
    from order_engine.storage.quotes import QuoteStore
    from order_engine.storage.subscriptions import SubscriptionStore


_AUTH = ("password", "iam")


@cache
def database() -> Database:
    prepared = settings.one_of("PREPARED_STATEMENTS", ("true", "false")) == "true"
    return Database(settings.required("DATABASE_URL"), prepared, warn, database_password())


@cache
def database_password() -> Callable[[], str] | None:
    """Makes a password for each connection; `None` where the URL has one."""
    if settings.one_of("DATABASE_AUTH", _AUTH) == "password":
        return None
    return _tokens().database(settings.required("DATABASE_URL"))


@cache
def _redis_password() -> Callable[[], str] | None:
    if settings.one_of("REDIS_AUTH", _AUTH) == "password":
        return None
    return _tokens().cache(settings.required("REDIS_URL"), settings.required("REDIS_CACHE_NAME"))


@cache
def orders() -> OrderStore:
    return OrderStore(database())


@cache
def quote_store() -> QuoteStore:
    from order_engine.storage.quotes import QuoteStore

    return QuoteStore(database())


@cache
def subscriptions() -> SubscriptionStore:
    from order_engine.storage.subscriptions import SubscriptionStore

    return SubscriptionStore(database())


@cache
def clients() -> ClientStore:
    from order_engine.storage.clients import ClientStore

    return ClientStore(database())


@cache
def opened() -> ConnectionStore:
    from order_engine.storage.connections import ConnectionStore

    return ConnectionStore(database())


@cache
def authorizing() -> Authorizing:
    from order_engine.services.authentication import Authorizing

    return Authorizing(clients())


@cache
def active_orders() -> ActiveOrders:
    from order_engine.storage.active_orders import ActiveOrders

    return ActiveOrders(settings.required("REDIS_URL"), warn, _redis_password())


@cache
def connections() -> Connections:
    from order_engine.aws.connections import ApiGatewayConnections

    return ApiGatewayConnections(settings.required("CONNECTIONS_URL"), _credentials(), settings.required("AWS_REGION"))


@cache
def notifications() -> Notifications:
    from order_engine.services.notifications import Notifications

    return Notifications(active_orders(), subscriptions(), connections(), warn)


@cache
def submission() -> Submission:
    from order_engine.services.submission import Submission
    from order_engine.storage.rate_limit import RateLimit

    per_minute = settings.integer("ORDERS_PER_MINUTE")
    limit = RateLimit(settings.required("REDIS_URL"), per_minute, warn, _redis_password())
    return Submission(orders(), quote_store(), notifications().publish, waker(), limit.take, warn)


@cache
def quotes() -> Quotes:
    from order_engine.services.quotes import Quotes
    from order_engine.simulation.simulated import LATENCIES

    # The seconds that an order's routing takes stand for more than a look at the pools.
    return Quotes(_quoting(_market(LATENCIES["instant"])), quote_store())


@cache
def execution() -> Execution:
    from order_engine.services.execution import Execution
    from order_engine.simulation.simulated import LATENCIES, SimulatedChain

    market = _market(LATENCIES[settings.one_of("MARKET_LATENCY", LATENCIES)])
    return Execution(orders(), quote_store(), _quoting(market), SimulatedChain(market), notifications().publish)


@cache
def dispatch() -> Dispatch:
    from order_engine.services.dispatching import Dispatch

    # Longer than an execution may take, and never a second call: that would be a second execution.
    machine = _client("stepfunctions", read_timeout=65, attempts=1)

    def publish(event: Event, listeners: Sequence[str]) -> None:
        # Seldom: a function that needs nothing of it otherwise is not kept waiting for it.
        notifications().publish(event, listeners)

    return Dispatch(orders(), publish, machine, settings.required("STATE_MACHINE_ARN"))


@cache
def recovery() -> Recovery:
    from order_engine.services.recovery import Recovery
    from order_engine.storage.event_partitions import EventPartitions

    partitions = EventPartitions(database(), settings.integer("EVENT_RETENTION_DAYS"), inform)
    return Recovery(orders(), quote_store(), subscriptions(), partitions, execution(), waker())


@cache
def eviction() -> Eviction:
    from order_engine.services.eviction import Eviction

    return Eviction(opened(), subscriptions(), connections(), warn)


@cache
def websocket() -> WebSocket:
    from order_engine.api.websocket import WebSocket

    queue, queue_url = _client("sqs"), settings.required("REPLAY_QUEUE_URL")

    def ask_for_replay(connection_id: str, client_id: UUID, order_id: UUID) -> None:
        body = dumps({"connectionId": connection_id, "clientId": str(client_id), "orderId": str(order_id)})
        queue.send_message(QueueUrl=queue_url, MessageBody=body)

    origins = {origin.strip() for origin in settings.required("ALLOWED_ORIGINS").split(",")}
    return WebSocket(
        *(orders(), subscriptions(), opened(), connections(), submission(), ask_for_replay),
        *(origins - {""}, settings.integer("CONNECTIONS_PER_CLIENT")),
    )


@cache
def health() -> Health:
    from order_engine.services.health import Health

    queue, queue_url = _client("sqs"), settings.required("ORDER_QUEUE_URL")
    return Health(
        {
            "postgres": lambda: database().fetch("SELECT 1"),
            "redis": active_orders().ping,
            "queue": lambda: queue.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"]),
        },
        authority="postgres",
    )


@cache
def waker() -> Any:
    """Sends the message that has an order run."""
    queue, queue_url = _client("sqs"), settings.required("ORDER_QUEUE_URL")
    return lambda order_id: queue.send_message(QueueUrl=queue_url, MessageBody=dumps({"orderId": str(order_id)}))


def _market(latency: Latency) -> Market:
    from order_engine.simulation.faults import Faults
    from order_engine.simulation.simulated import Market
    from order_engine.simulation.traders import Flow

    flow = Flow(settings.integer("MARKET_DRIFT_BPS"), settings.integer("MARKET_SEED"))
    return Market(database(), Faults(database(), latency.deadline), latency, flow)


def _quoting(market: Market) -> Quoting:
    from order_engine.services.quoting import Quoting
    from order_engine.simulation.faults import VENUES
    from order_engine.simulation.simulated import SimulatedVenue

    return Quoting([SimulatedVenue(name, market) for name in VENUES], market.latency.deadline, log=inform)


@cache
def _tokens() -> Tokens:
    from order_engine.aws.iam_tokens import Tokens

    return Tokens(_credentials(), settings.required("AWS_REGION"))


@cache
def _credentials() -> Credentials:
    from order_engine.aws.signing import Credentials

    # Lambda puts them there, and they last as long as the environment.
    return Credentials(
        settings.required("AWS_ACCESS_KEY_ID"),
        settings.required("AWS_SECRET_ACCESS_KEY"),
        settings.optional("AWS_SESSION_TOKEN"),
    )


@cache
def _session() -> Session:
    from botocore.session import get_session

    return get_session()


@cache
def _client(service: str, read_timeout: float = 3, attempts: int = 2) -> Any:
    from botocore.config import Config

    retries: Any = {"total_max_attempts": attempts, "mode": "standard"}
    config = Config(connect_timeout=1, read_timeout=read_timeout, retries=retries)
    return _session().create_client(service, config=config)
