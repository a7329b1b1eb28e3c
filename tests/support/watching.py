"""Watchers of orders that wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from order_engine.domain.tokens import Mint
from order_engine.ports import OpenOrders, OrderQueue, Publish
from order_engine.services.recurring import Slicing
from order_engine.services.routing import Router
from order_engine.services.sniping import Sniping
from order_engine.services.starting import Starting
from order_engine.services.watching import Watcher
from tests.support.fakes import FakeOrderQueue


class NoMints:
    """The mints of a market in which nobody asks for one."""

    def facts(self, mint: str) -> Mint:
        raise AssertionError(f"expected no question, was mint {mint}")


def watcher_on(
    open_orders: OpenOrders,
    router: Router,
    publish: Publish = lambda events, listeners: None,
    queue: OrderQueue | None = None,
    warn: Callable[[str], None] = lambda warning: None,
    **options: Any,
) -> Watcher:
    """A watcher that finds pools without a search, and sleeps only as long as `options` say."""
    starting = Starting(open_orders=open_orders, publish=publish, queue=queue or FakeOrderQueue(), warn=warn)
    return Watcher(
        open_orders=open_orders,
        router=router,
        starting=starting,
        slicing=Slicing(open_orders=open_orders, starting=starting),
        sniping=Sniping(
            open_orders=open_orders,
            mints=NoMints,
            find_pools=lambda token, unit, seconds: None,
            starting=starting,
            warn=warn,
        ),
        interval=1,
        warn=warn,
        **options,
    )


def tick(watcher: Watcher, holder: str = "a watcher") -> None:
    """Has a watcher look at the market once, and hand over to the next one."""
    watcher.watch(holder, 0, wait=False)
