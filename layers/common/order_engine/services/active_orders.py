"""Reads a client's active orders: from the fast view where it has them all, and else from the store."""

from __future__ import annotations

from uuid import UUID

from order_engine.ports import ActiveOrder, ActiveOrderView, Filling, OrderStore

MAX_ACTIVE = 500
"""How many orders one answer has: with their newest events, they must fit into what Lambda may answer."""


class ActiveOrderList:
    """The store is the authority; the view is filled from it when it is asked for what it does not know."""

    def __init__(self, *, view: ActiveOrderView, orders: OrderStore) -> None:
        self._view = view
        self._orders = orders

    def of(self, client_id: UUID, *, with_open: bool = False) -> tuple[list[ActiveOrder], bool]:
        """The client's newest active orders, newest first, and whether these are all.

        Those that wait are in the store only.
        """
        found = None if with_open else self._view.running(client_id)
        if isinstance(found, list):
            return found[:MAX_ACTIVE], len(found) <= MAX_ACTIVE
        stored = self._orders.active(client_id, MAX_ACTIVE + 1, with_open)
        complete = len(stored) <= MAX_ACTIVE
        if isinstance(found, Filling) and complete:
            self._view.fill(found, stored)
        return stored[:MAX_ACTIVE], complete
