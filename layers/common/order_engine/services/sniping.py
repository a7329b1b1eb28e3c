"""Buys a token once there is a pool for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from order_engine.domain.errors import NotAMint, RiskyMint, VenueUnavailable
from order_engine.domain.events import Activated, Activation
from order_engine.domain.orders import Order
from order_engine.domain.terms import Sniper
from order_engine.domain.tokens import is_address
from order_engine.ports import Mints, OpenOrders
from order_engine.services.routing import Snapshot
from order_engine.services.starting import Starting
from order_engine.services.triggers import activation

SEARCH_SECONDS = 5.0
"""How often pools of the same token are searched: a node lists all accounts of a program for each."""


class Sniping:
    """`find_pools` registers the pools of a token, with the one that pays for it, that exist now, in so many seconds.

    `now` gives seconds, for durations.
    """

    def __init__(
        self,
        *,
        open_orders: OpenOrders,
        mints: Callable[[], Mints],
        find_pools: Callable[[str, str, float], None],
        starting: Starting,
        warn: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_orders = open_orders
        self._mints = mints
        self._find_pools = find_pools
        self._starting = starting
        self._warn = warn
        self._now = now
        self._searched: dict[tuple[str, str], float] = {}

    def search(self, orders: Iterable[Order], seconds: float) -> None:
        """Looks for pools of these orders' tokens, each at most every `SEARCH_SECONDS`, for at most `seconds` in all.

        Those that were not searched for the longest come first. Raises `StoreUnavailable`.
        """
        ends = self._now() + seconds
        wanted = {(order.token_out, order.token_in) for order in orders}
        self._searched = {pair: self._searched.get(pair, float("-inf")) for pair in wanted}
        for at, pair in sorted((at, pair) for pair, at in self._searched.items()):
            left = ends - self._now()
            if left <= 0 or self._now() - at < SEARCH_SECONDS:
                return
            self._searched[pair] = self._now()
            try:
                self._find_pools(*pair, left)
            except VenueUnavailable as error:
                self._warn(f"pools of {pair[0]} are not known: {error}")

    def reached(self, order: Order, snapshot: Snapshot) -> Activation | None:
        """Why the order may run: a pool with its token holds enough, and pays its limit. `None` while it may not.

        Fails an order whose mint it must not buy. Raises `StoreUnavailable`, `VenueUnavailable`.
        """
        terms = order.terms
        if not isinstance(terms, Sniper):
            raise ValueError(f"expected a sniper order, was {order.type} order {order.id}")
        if snapshot.liquidity(order.token_out, order.token_in) < terms.min_liquidity:
            return None
        route = snapshot.quote(order.token_in, order.token_out, order.amount_in, order.max_price_impact_bps)
        if route is None or route.amount_out < (order.limit_out or 0):
            return None
        if is_address(order.token_out):
            try:
                self._mints().facts(order.token_out).check(
                    allow_freeze_authority=terms.allow_freeze_authority, allow_extensions=terms.allow_extensions
                )
            except (NotAMint, RiskyMint) as error:
                if moved := self._open_orders.refuse(order, error):
                    self._starting.publish(moved)
                return None
        return activation(Activated.POOL_FOUND, route)
