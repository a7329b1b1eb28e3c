"""Makes the slices of recurring orders, and ends those whose slices have all ended."""

from __future__ import annotations

from math import ceil, floor

from order_engine.domain.ids import uuid7
from order_engine.domain.money import at_price
from order_engine.domain.orders import Order
from order_engine.domain.terms import Recurring
from order_engine.domain.tokens import token
from order_engine.ports import Moved, OpenOrders
from order_engine.services.routing import Snapshot
from order_engine.services.starting import Starting

LOOK_AGAIN_SECONDS = 1.0
"""How soon an order whose slices are all made is looked at again, until the last slice has ended."""


class Slicing:
    """Takes recurring orders further that are due."""

    def __init__(self, *, open_orders: OpenOrders, starting: Starting) -> None:
        self._open_orders = open_orders
        self._starting = starting

    def advance(self, order: Order, snapshot: Snapshot | None) -> bool:
        """Makes the next slice of an order, or ends it. Returns whether it has made one.

        A slice that waits for a price in the order's range stays due; without a `snapshot` no price is known. Raises
        `StoreUnavailable`.
        """
        terms = _terms(order)
        if order.slices_done == terms.slices:
            self._end(order)
            return False
        if not in_range(order, snapshot):
            return False
        is_last = order.slices_done == terms.slices - 1
        made = self._open_orders.insert_slice(
            order, uuid7(), LOOK_AGAIN_SECONDS if is_last else float(terms.interval_seconds)
        )
        if made is None:
            return False
        moved, slice = made
        self._starting.publish(moved, Moved(slice, []))
        self._starting.enqueue({slice.order_id: slice.seq})
        return True

    def _end(self, order: Order) -> None:
        sums = self._open_orders.slice_sums(order)
        if sums.running:
            self._open_orders.postpone(order, LOOK_AGAIN_SECONDS)
            return
        if moved := self._open_orders.complete(order, sums):
            self._starting.publish(moved)


def has_range(order: Order) -> bool:
    """Whether the slices of an order wait for a price."""
    terms = _terms(order)
    return terms.min_price is not None or terms.max_price is not None


def in_range(order: Order, snapshot: Snapshot | None) -> bool:
    """Whether the exact quote of the order's next slice is in its range of prices.

    A price that only seems to be low, because a venue does not answer, is not below a maximum.
    """
    terms = _terms(order)
    if not has_range(order):
        return True
    if snapshot is None or (terms.max_price is not None and not snapshot.is_complete):
        return False
    amount = terms.slice_amount(order.amount_in, order.slices_done or 0)
    route = snapshot.quote(order.token_in, order.token_out, amount, order.max_price_impact_bps)
    if route is None:
        return False
    tokens = token(order.token_in), token(order.token_out)
    least = 0 if terms.min_price is None else ceil(at_price(amount, terms.min_price, *tokens))
    return least <= route.amount_out and (
        terms.max_price is None or route.amount_out <= floor(at_price(amount, terms.max_price, *tokens))
    )


def _terms(order: Order) -> Recurring:
    if not isinstance(order.terms, Recurring):
        raise ValueError(f"expected a recurring order, was {order.type} order {order.id}")
    return order.terms
