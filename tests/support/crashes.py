"""Processes that die at a chosen point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.domain.quotes import Costs, Quote
from order_engine.domain.transactions import Fill, Transaction
from order_engine.ports import Chain
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore

CRASHES = ("before commit", "after commit", "before effect", "after effect")


class Crash(BaseException):
    """The process dies."""


class CrashPoint:
    """Crashes once at the armed point, or runs something else there."""

    def __init__(self) -> None:
        self._at: str | None = None
        self._meanwhile: Callable[[], None] | None = None

    @contextmanager
    def armed(self, at: str | None, meanwhile: Callable[[], None] | None = None) -> Iterator[None]:
        self._at, self._meanwhile = at, meanwhile
        try:
            yield
        finally:
            self._at = None

    def reached(self, point: str) -> None:
        if self._at == point:
            self._at = None
            if self._meanwhile is None:
                raise Crash
            self._meanwhile()


class CrashingOrders(PostgresOrderStore):
    """Crashes before and after each commit of a run."""

    def __init__(self, database: Database, crash: CrashPoint) -> None:
        super().__init__(database)
        self._crash = crash

    def move(
        self,
        id: UUID,
        run: str,
        trigger: Trigger,
        attempt: int,
        data: dict[str, Any],
        from_status: Status | None = None,
        **columns: Any,
    ) -> tuple[Event, list[str]] | None:
        self._crash.reached("before commit")
        moved = super().move(id, run, trigger, attempt, data, from_status, **columns)
        self._crash.reached("after commit")
        return moved


class Line:
    """The connection to the chain. `ghosts` are transactions of crashed senders, which may arrive at any time."""

    def __init__(self, chain: Chain, crash: CrashPoint, ghosts: list[Transaction]) -> None:
        self._chain = chain
        self._crash = crash
        self._ghosts = ghosts

    def costs(self, quote: Quote) -> Costs:
        return self._chain.costs(quote)

    def build(self, quote: Quote, min_out: int, order_id: UUID) -> Transaction:
        return self._chain.build(quote, min_out, order_id)

    def submit(self, transaction: Transaction) -> None:
        self._ghosts.append(transaction)
        self._crash.reached("before effect")
        self._chain.submit(transaction)
        self._crash.reached("after effect")

    def confirm(self, transaction: Transaction) -> Fill | None:
        return self._chain.confirm(transaction)
