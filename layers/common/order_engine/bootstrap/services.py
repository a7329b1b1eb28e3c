"""The use cases, ready to be called, and the WebSocket API on top of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from order_engine.aws.observability import inform, warn
from order_engine.bootstrap import aws, market, outbound, settings, stores
from order_engine.domain.tokens import TOKENS

if TYPE_CHECKING:
    from order_engine.api.websocket import WebSocketApi
    from order_engine.domain.events import Event
    from order_engine.services.active_orders import ActiveOrderList
    from order_engine.services.authentication import Authentication
    from order_engine.services.connections import ConnectionRegistry, Eviction
    from order_engine.services.delivering import Deliverer
    from order_engine.services.discovery import Report
    from order_engine.services.dispatching import Dispatch
    from order_engine.services.execution import Execution
    from order_engine.services.health import Health
    from order_engine.services.notifications import Notifications
    from order_engine.services.quoting import Quoting
    from order_engine.services.recovery import Recovery
    from order_engine.services.routing import Router
    from order_engine.services.standing import Standing
    from order_engine.services.starting import Starting
    from order_engine.services.submission import Submission
    from order_engine.services.subscriptions import Subscriptions
    from order_engine.services.watching import Watcher
    from order_engine.services.webhooks import Webhooks


@cache
def authentication() -> Authentication:
    from order_engine.services.authentication import Authentication

    return Authentication(stores.clients())


@cache
def notifications() -> Notifications:
    from order_engine.api.views import event_view
    from order_engine.services.notifications import Notifications

    return Notifications(
        active_orders=stores.active_orders(),
        subscriptions=stores.subscriptions(),
        connections=aws.connections(),
        view=event_view,
        warn=warn,
    )


@cache
def active_orders() -> ActiveOrderList:
    from order_engine.services.active_orders import ActiveOrderList

    return ActiveOrderList(view=stores.active_orders(), orders=stores.orders())


@cache
def submission() -> Submission:
    from order_engine.services.submission import Submission

    return Submission(
        orders=stores.orders(),
        quotes=stores.quotes(),
        publish=notifications().publish,
        queue=aws.order_queue(),
        rate_limit=stores.order_limit(),
        warn=warn,
        standing=standing,
        wallet=market.wallet(),
        signing=market.signing(),
        market=market.description(),
    )


@cache
def standing() -> Standing:
    from order_engine.services.standing import Standing

    return Standing(
        orders=stores.orders(),
        standing=stores.standing_orders(),
        open_orders=stores.open_orders(),
        router=_quote_router,
        starting=starting(),
        rate_limit=stores.order_limit(),
        publish=notifications().publish,
        wake=lambda: aws.watch_function().start({}),
        warn=warn,
        market=market.description(),
    )


@cache
def quoting() -> Quoting:
    from order_engine.services.quoting import Quoting

    return Quoting(
        router=_quote_router(),
        chain=market.chain(),
        store=stores.quotes(),
        rate_limit=stores.quote_limit(),
        signing=market.signing(),
        market=market.description(),
    )


@cache
def router() -> Router:
    """Of the steps of an order, only the first needs it."""
    return _router()


@cache
def execution() -> Execution:
    from order_engine.services.execution import Execution

    return Execution(
        orders=stores.orders(),
        quotes=stores.quotes(),
        router=router,
        chain=market.chain(),
        publish=notifications().publish,
        wake=_wake,
        signing=market.signing(),
    )


def _wake() -> None:
    """Has the watcher begin, unless one watches. If that fails, its schedule begins within a minute."""
    try:
        if not stores.open_orders().is_watched():
            aws.watch_function().start({})
    except Exception as error:
        warn(f"the watcher was not woken: {error}")


@cache
def dispatch() -> Dispatch:
    from order_engine.services.dispatching import Dispatch

    def publish(events: Sequence[Event], listeners: Sequence[str]) -> None:
        # Rare: its parts are made at the first call, so that no cold start waits for them.
        notifications().publish(events, listeners)

    return Dispatch(orders=stores.orders(), publish=publish, machine=aws.state_machine())


@cache
def recovery() -> Recovery:
    from order_engine.services.recovery import Recovery

    return Recovery(
        orders=stores.orders(),
        quotes=stores.quotes(),
        subscriptions=stores.subscriptions(),
        partitions=stores.event_partitions(),
        execution=execution(),
        eviction=_eviction(),
        queue=aws.order_queue(),
    )


@cache
def starting() -> Starting:
    from order_engine.services.starting import Starting

    return Starting(
        open_orders=stores.open_orders(), publish=notifications().publish, queue=aws.order_queue(), warn=warn
    )


@cache
def watcher() -> Watcher:
    from order_engine.services.recurring import Slicing
    from order_engine.services.sniping import Sniping
    from order_engine.services.watching import Watcher

    open_orders = stores.open_orders()
    return Watcher(
        open_orders=open_orders,
        router=_quote_router(),
        starting=starting(),
        slicing=Slicing(open_orders=open_orders, starting=starting()),
        sniping=Sniping(
            open_orders=open_orders, mints=market.mints, find_pools=find_pools, starting=starting(), warn=warn
        ),
        interval=float(settings.integer("WATCH_INTERVAL_SECONDS")),
        warn=warn,
    )


def discover(seconds: float) -> dict[str, Any]:
    """Looks for pools for at most `seconds`, and says what it found. Raises what `Discovery.run` raises."""
    discovery = market.discovery()
    return {} if discovery is None else asdict(_told(discovery.run(seconds)))


def find_pools(token: str, paid_with: str, seconds: float) -> None:
    """Looks for pools of one token, as `Discovery.find`. Raises what that raises."""
    discovery = market.discovery()
    if discovery is not None:
        _told(discovery.find(token, paid_with, seconds))


def _told(report: Report) -> Report:
    for search, reason in report.failed.items():
        warn(f"pools of {search} are not known: {reason}")
    return report


@cache
def connection_registry() -> ConnectionRegistry:
    from order_engine.services.connections import ConnectionRegistry

    origins = {origin.strip() for origin in settings.required("ALLOWED_ORIGINS").split(",")}
    return ConnectionRegistry(
        store=stores.connections(),
        subscriptions=stores.subscriptions(),
        connections=aws.connections(),
        origins=origins - {""},
        max_connections=settings.integer("CONNECTIONS_PER_CLIENT"),
    )


def _eviction() -> Eviction:
    from order_engine.services.connections import Eviction

    return Eviction(
        store=stores.connections(),
        subscriptions=stores.subscriptions(),
        connections=aws.connections(),
        warn=warn,
    )


@cache
def subscriptions() -> Subscriptions:
    from order_engine.api.views import event_view
    from order_engine.services.subscriptions import Subscriptions

    return Subscriptions(store=stores.subscriptions(), connections=aws.connections(), view=event_view)


@cache
def websocket() -> WebSocketApi:
    from order_engine.api.websocket import WebSocketApi

    return WebSocketApi(
        orders=stores.orders(),
        registry=connection_registry(),
        subscriptions=subscriptions(),
        submission=submission(),
        connections=aws.connections(),
        replays=aws.replay_queue(),
    )


@cache
def webhooks() -> Webhooks:
    from order_engine.services.webhooks import Webhooks

    return Webhooks(
        store=stores.webhooks(), targets=outbound.targets(), wake=lambda: aws.deliver_function().start({}), warn=warn
    )


@cache
def deliverer() -> Deliverer:
    from order_engine.api.views import event_view
    from order_engine.services.delivering import Deliverer

    return Deliverer(
        deliveries=stores.deliveries(), events=stores.orders().events, sender=aws.sender(), view=event_view, warn=warn
    )


@cache
def health() -> Health:
    from order_engine.services.health import Health

    return Health(
        {
            "postgres": lambda: stores.database().fetch("SELECT 1"),
            "redis": stores.active_orders().ping,
            "queue": aws.order_queue().ping,
        },
        authority="postgres",
    )


@cache
def _quote_router() -> Router:
    """A realistic latency stands for the routing of an order, not for a quote."""
    return _router("instant")


def _router(latency: str | None = None) -> Router:
    from order_engine.services.routing import Router

    max_order_value = settings.integer("MAX_ORDER_VALUE") * 10 ** TOKENS["USDC"].decimals
    venue = market.venue(latency)
    return Router(venue, log=inform, max_order_value=max_order_value, limits=market.limits())
