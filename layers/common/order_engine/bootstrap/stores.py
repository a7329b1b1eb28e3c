"""The stores in Postgres and Redis."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from order_engine.aws.observability import count, inform, warn
from order_engine.bootstrap import aws, market, settings
from order_engine.storage.database import Database, address

if TYPE_CHECKING:
    from order_engine.storage.active_orders import RedisActiveOrders
    from order_engine.storage.clients import PostgresClientStore
    from order_engine.storage.connections import PostgresConnectionStore
    from order_engine.storage.deliveries import PostgresDeliveries
    from order_engine.storage.event_partitions import PostgresEventPartitions
    from order_engine.storage.fills import PostgresFills
    from order_engine.storage.open_orders import PostgresOpenOrders
    from order_engine.storage.orders import PostgresOrderStore
    from order_engine.storage.quotes import PostgresQuoteStore
    from order_engine.storage.rate_limit import RedisRateLimit
    from order_engine.storage.standing_orders import PostgresStandingOrders
    from order_engine.storage.statistics import PostgresStatistics
    from order_engine.storage.subscriptions import PostgresSubscriptionStore
    from order_engine.storage.tokens import PostgresTokenStore
    from order_engine.storage.webhooks import PostgresWebhookStore

_AUTH = ("password", "iam")


@cache
def database() -> Database:
    prepared = settings.one_of("PREPARED_STATEMENTS", ("true", "false")) == "true"
    return Database(settings.required("DATABASE_URL"), prepared, warn, database_password())


@cache
def orders() -> PostgresOrderStore:
    from order_engine.storage.orders import PostgresOrderStore

    return PostgresOrderStore(database(), count, market.name())


@cache
def open_orders() -> PostgresOpenOrders:
    from order_engine.storage.open_orders import PostgresOpenOrders

    return PostgresOpenOrders(database(), count, market.name())


@cache
def standing_orders() -> PostgresStandingOrders:
    from order_engine.storage.standing_orders import PostgresStandingOrders

    return PostgresStandingOrders(database(), count)


@cache
def quotes() -> PostgresQuoteStore:
    from order_engine.storage.quotes import PostgresQuoteStore

    return PostgresQuoteStore(database())


@cache
def fills() -> PostgresFills:
    from order_engine.storage.fills import PostgresFills

    return PostgresFills(database(), market.name())


@cache
def statistics() -> PostgresStatistics:
    from order_engine.storage.statistics import PostgresStatistics

    return PostgresStatistics(database())


@cache
def tokens() -> PostgresTokenStore:
    from order_engine.storage.tokens import PostgresTokenStore

    return PostgresTokenStore(database(), market.name())


@cache
def subscriptions() -> PostgresSubscriptionStore:
    from order_engine.storage.subscriptions import PostgresSubscriptionStore

    return PostgresSubscriptionStore(database())


@cache
def clients() -> PostgresClientStore:
    from order_engine.storage.clients import PostgresClientStore

    return PostgresClientStore(database())


@cache
def connections() -> PostgresConnectionStore:
    from order_engine.storage.connections import PostgresConnectionStore

    return PostgresConnectionStore(database())


@cache
def webhooks() -> PostgresWebhookStore:
    from order_engine.storage.webhooks import PostgresWebhookStore

    return PostgresWebhookStore(database())


@cache
def deliveries() -> PostgresDeliveries:
    from order_engine.storage.deliveries import PostgresDeliveries

    return PostgresDeliveries(database())


@cache
def event_partitions() -> PostgresEventPartitions:
    from order_engine.storage.event_partitions import PostgresEventPartitions

    return PostgresEventPartitions(database(), settings.integer("EVENT_RETENTION_DAYS"), inform)


@cache
def active_orders() -> RedisActiveOrders:
    from order_engine.storage.active_orders import RedisActiveOrders

    return RedisActiveOrders(settings.required("REDIS_URL"), warn, _redis_password())


@cache
def order_limit() -> RedisRateLimit:
    return _rate_limit("order", "ORDERS_PER_MINUTE")


@cache
def quote_limit() -> RedisRateLimit:
    return _rate_limit("quote", "QUOTES_PER_MINUTE")


def _rate_limit(what: str, setting: str) -> RedisRateLimit:
    from order_engine.storage.rate_limit import RedisRateLimit

    url, per_minute = settings.required("REDIS_URL"), settings.integer(setting)
    return RedisRateLimit(url, what, per_minute, warn, _redis_password())


@cache
def database_password() -> Callable[[], str] | None:
    """Makes a password for each connection; `None` where the URL has one."""
    if settings.one_of("DATABASE_AUTH", _AUTH) == "password":
        return None
    return aws.iam_tokens().database(*address(settings.required("DATABASE_URL")))


@cache
def _redis_password() -> Callable[[], str] | None:
    if settings.one_of("REDIS_AUTH", _AUTH) == "password":
        return None
    return aws.iam_tokens().cache(settings.required("REDIS_URL"), settings.required("REDIS_CACHE_NAME"))
