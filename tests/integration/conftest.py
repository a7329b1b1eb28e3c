"""One migrated database for the whole run. Each test starts with the initial market and without orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from psycopg.conninfo import make_conninfo

from order_engine.simulation.schema import MIGRATIONS
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from order_engine.storage.schema import migrate
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.aws import CREDENTIALS, Aws, aws
from tests.support.databases import clean, new_database
from tests.support.functions import Functions, new_environment
from tests.support.http_server import HttpServer, http_server

ROLE = "order_engine"
"""The role of the functions. The tests use it, which shows that its rights suffice."""


@pytest.fixture(scope="session")
def migrated_url(postgres_url: str) -> str:
    url = new_database(postgres_url)
    migrate(url, others=MIGRATIONS, role=ROLE)
    return url


@pytest.fixture(scope="session")
def engine_url(migrated_url: str) -> str:
    """The URL of the same database for the role that the functions have on AWS."""
    return make_conninfo(migrated_url, user=ROLE)


@pytest.fixture
def database_url(migrated_url: str) -> str:
    """The URL of a migrated database without orders."""
    clean(migrated_url)
    return migrated_url


@pytest.fixture
def connect(database_url: str, engine_url: str) -> Iterator[Callable[[], Database]]:
    """Opens a new connection with each call, as each Lambda environment does."""
    opened: list[Database] = []

    def connect() -> Database:
        opened.append(Database(engine_url))
        return opened[-1]

    yield connect
    for database in opened:
        database.close()


@pytest.fixture
def database(connect: Callable[[], Database]) -> Database:
    return connect()


@pytest.fixture
def orders(database: Database) -> PostgresOrderStore:
    return PostgresOrderStore(database)


@pytest.fixture
def quotes(database: Database) -> PostgresQuoteStore:
    return PostgresQuoteStore(database)


@pytest.fixture
def subscriptions(database: Database) -> PostgresSubscriptionStore:
    return PostgresSubscriptionStore(database)


@pytest.fixture(scope="module")
def clients() -> Iterator[HttpServer]:
    """The server that receives messages to WebSocket connections."""
    with http_server() as server:
        yield server


@pytest.fixture
def nothing_sent(services: Aws, clients: HttpServer) -> None:
    """Drops what earlier tests sent to clients and queues."""
    clients.clear()
    for queue in ("OrderQueue", "ReplayQueue", "DeadLetterQueue"):
        services.purge(queue)


@pytest.fixture(scope="module")
def services() -> Iterator[Aws]:
    with aws() as services:
        yield services


@pytest.fixture(scope="module")
def environment(engine_url: str, redis_url: str, services: Aws, clients: HttpServer) -> dict[str, str]:
    """All environment variables that the template sets for its functions."""
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": services.url,
        "DATABASE_URL": engine_url,
        "DATABASE_AUTH": "password",
        "PREPARED_STATEMENTS": "true",
        "PATIENCE_SECONDS": "0",
        "REDIS_URL": redis_url,
        "REDIS_AUTH": "password",
        "MARKET_LATENCY": "instant",
        "MARKET_DRIFT_BPS": "0",
        "MARKET_SEED": "1",
        "MAX_ORDER_VALUE": "0",
        "POWERTOOLS_SERVICE_NAME": "order-engine",
        "POWERTOOLS_METRICS_NAMESPACE": "OrderEngine",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "ORDER_QUEUE_URL": services.queue_url("OrderQueue"),
        "REPLAY_QUEUE_URL": services.queue_url("ReplayQueue"),
        "STATE_MACHINE_ARN": services.machine_arn,
        "CONNECTIONS_URL": clients.url,
        "WEBSOCKET_URL": "ws://127.0.0.1/v1",
        "ALLOWED_ORIGINS": "https://api.example.com,",
        "CONNECTIONS_PER_CLIENT": "3",
        "ORDERS_PER_MINUTE": "0",
        "QUOTES_PER_MINUTE": "0",
        "WATCH_INTERVAL_SECONDS": "1",
        "EVENT_RETENTION_DAYS": "0",
        "WEBHOOK_TARGETS": "any",
        "DELIVER_FUNCTION": services.function_arn("DeliverFunction"),
        "POST_FUNCTION": services.function_arn("PostFunction"),
    }


@pytest.fixture(scope="module")
def functions(environment: dict[str, str], services: Aws) -> Iterator[Functions]:
    """The functions, two of which the state machine calls."""
    with new_environment(environment) as functions:
        services.handlers |= {
            "RouteFunction": functions.handler("route"),
            "ExecuteFunction": functions.handler("execute"),
        }
        yield functions
