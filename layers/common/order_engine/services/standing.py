"""Orders that wait: looks whether the market allows them, starts them, and replaces and cancels them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from order_engine.domain import events
from order_engine.domain.errors import NotOpen, StoreUnavailable
from order_engine.domain.events import Activation, Event, Opened
from order_engine.domain.lifecycle import Status
from order_engine.domain.markets import SIMULATED_MARKET, MarketDescription
from order_engine.domain.orders import Order, OrderRequest
from order_engine.ports import OpenOrders, OrderStore, Publish, RateLimit, Selection, StandingOrders
from order_engine.services import rate_limiting
from order_engine.services.outlook import Outlook, outlook
from order_engine.services.routing import Router
from order_engine.services.starting import Starting

MAX_REPLACEMENTS = 10
"""How often a replacement is tried while something else changes the order."""


class Standing:
    """Of the orders of `market`. `wake` has the watcher begin; `warn` logs what goes wrong without harm to an order."""

    def __init__(
        self,
        *,
        orders: OrderStore,
        standing: StandingOrders,
        open_orders: OpenOrders,
        router: Callable[[], Router],
        starting: Starting,
        rate_limit: RateLimit,
        publish: Publish,
        wake: Callable[[], None],
        warn: Callable[[str], None],
        market: MarketDescription = SIMULATED_MARKET,
    ) -> None:
        self._orders = orders
        self._standing = standing
        self._open_orders = open_orders
        self._router = router
        self._starting = starting
        self._rate_limit = rate_limit
        self._publish = publish
        self._wake = wake
        self._warn = warn
        self._market = market

    def outlook(self, request: OrderRequest) -> Outlook:
        """What the market says of an order. Raises what `services.outlook` raises."""
        return outlook(self._router, request)

    def begin(self, order: Order, activation: Activation | None) -> None:
        """Has a stored order run if there is a reason, and be watched otherwise.

        Whatever goes wrong: the order is stored, and the watcher's schedule finds it.
        """
        try:
            if activation is not None and self._starting.activate([(order, activation)]):
                return
            if not self._open_orders.is_watched():
                self._wake()
        except Exception as error:
            self._warn(f"order {order.id} waits for the watcher's schedule: {error}")

    def replace(self, client_id: UUID, order_id: UUID, revise: Callable[[Order], OrderRequest]) -> None:
        """Gives the client's open order the terms that `revise` makes of it, and publishes that.

        Terms that the market is asked about count as an order of the client. Raises `OrderNotFound`, `NotOpen`,
        `RateLimited`, what `revise` raises, and what `outlook` raises.
        """
        for _ in range(MAX_REPLACEMENTS):
            order = self._orders.owned(client_id, order_id)
            if order.status is not Status.OPEN:
                raise NotOpen(f"expected an open order, was one that is {order.status}")
            request = revise(order)
            swap, was = (request.amount_in, request.terms), (order.amount_in, order.terms)
            if swap == was and request.expires_at == order.expires_at:
                return
            found = Outlook()
            # Another market is not asked, and it says nothing of another expiry.
            if swap != was and order.market == self._market.name:
                if limited := rate_limiting.refusal(self._rate_limit, client_id):
                    raise limited
                found = self.outlook(request)
            data = events.opened(request, order.market, Opened.REPLACED, found.warning)
            if replaced := self._standing.replace(order, request, data):
                now, listeners = replaced
                event = Event(now.id, now.seq, now.status, now.updated_at, now.attempt, data, client_id)
                self._publish([event], listeners)
                self.begin(now, found.activation)
                return
        raise StoreUnavailable(f"order {order_id} changes all the time; try again")

    def cancel_all(self, client_id: UUID, selection: Selection) -> tuple[list[UUID], bool]:
        """Cancels the client's selected orders that can be cancelled, and publishes all events of each.

        Returns their ids, and whether no other ones are left.
        """
        cancelled, complete = self._standing.cancel_all(client_id, selection)
        for history, listeners in self._standing.histories(cancelled):
            self._publish(history, listeners)
        return cancelled, complete
