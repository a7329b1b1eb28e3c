"""Orders that wait, in memory: a fake of `OpenOrders` whose clock a test moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from order_engine.domain.errors import EngineError
from order_engine.domain.events import Activation, Event
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import RUNNING, Status
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Recurring, Stop, Wait
from order_engine.ports import Group, Lease, Moved, SliceSums, Waiting

START = datetime(2026, 11, 29, tzinfo=UTC)


@dataclass
class FakeOpenOrders:
    """Every order that was ever open is in `orders`. `now` is in seconds since `START`."""

    now: float = 0
    orders: dict[UUID, Order] = field(default_factory=dict)
    moves: list[Event] = field(default_factory=list)
    read: list[UUID] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    lease: tuple[str, float] | None = None
    wanted: bool = False
    statements: int = 0
    before_moves: Callable[[], None] = lambda: None

    def add(self, request: OrderRequest, **fields: Any) -> Order:
        watch = request.watch
        assert watch is not None
        recurring = isinstance(request.terms, Recurring)
        order = Order(
            id=uuid7(),
            type=request.type,
            token_in=request.token_in,
            token_out=request.token_out,
            amount_in=request.amount_in,
            slippage_bps=request.slippage_bps,
            status=Status.OPEN,
            attempt=1,
            seq=1,
            created_at=self._time(),
            updated_at=self._time(),
            max_price_impact_bps=request.max_price_impact_bps,
            terms=request.terms,
            waits_for=watch.waits_for,
            trigger_out=watch.trigger_out,
            limit_out=watch.limit_out,
            expires_at=request.expires_at,
            due_at=(request.start_at or self._time()) if recurring else None,
            slices_done=0 if recurring else None,
        )._replace(**fields)
        self.orders[order.id] = order
        return order

    def status(self, order: Order) -> Status:
        return self.orders[order.id].status

    def slices(self, parent: Order) -> list[Order]:
        return [order for order in self.orders.values() if order.parent_id == parent.id]

    def end(self, order: Order, status: Status, spent: int = 0, out: int = 0) -> None:
        self.orders[order.id] = self.orders[order.id]._replace(status=status, amount_spent=spent, amount_out=out)

    # The lease

    def take_lease(self, holder: str, seconds: float, wait: bool = False) -> Lease:
        self.statements += 1
        before = self.lease
        if self.lease is None or self.lease[0] == holder or self.lease[1] <= self.now:
            self.wanted = self.wanted and self.lease is not None and self.lease[0] == holder
            self.lease = holder, self.now + seconds
        elif wait:
            self.wanted = True
        is_held = self.lease[0] == holder
        return Lease(is_held, self.wanted, self.notes, is_held and before is not None and before[0] != holder)

    def release_lease(self, holder: str, notes: dict[str, Any]) -> None:
        self.statements += 1
        if self.lease and self.lease[0] == holder:
            self.lease, self.notes = None, notes

    def is_watched(self) -> bool:
        return self.lease is not None and self.lease[1] > self.now

    # Reading

    def waiting(self) -> Waiting:
        self.statements += 1
        return Waiting(len(self._open()), self.lease is not None and self.lease[1] <= self.now)

    def heard_lately(self) -> list[tuple[list[Event], list[str]]]:
        return [([event], ["listener"]) for event in self.moves]

    def groups(self) -> list[Group]:
        first: dict[tuple[str, str, Wait, int], Order] = {}
        for order in self._open():
            if order.trigger_out is not None:
                assert order.waits_for is not None
                key = (order.token_in, order.token_out, order.waits_for, order.amount_in.bit_length() - 1)
                first[key] = min(first.get(key, order), order, key=_reached)
        return [
            Group(*key, trigger_out=order.trigger_out or 0, amount_in=order.amount_in) for key, order in first.items()
        ]

    def candidates(self, group: Group, bound: Fraction, after: Order | None, limit: int) -> list[Order]:
        limit_of = -bound if group.waits_for is Wait.AT_MOST else bound
        of_group = [
            order
            for order in self._open()
            if (order.token_in, order.token_out, order.waits_for, order.amount_in.bit_length() - 1) == group[:4]
            and order.trigger_out is not None
            and _reached(order)[0] <= limit_of
            and (after is None or _reached(order) > _reached(after))
        ]
        found = sorted(of_group, key=_reached)[:limit]
        self.read += [order.id for order in found]
        return found

    def waiting_for_pools(self) -> list[Order]:
        return [order for order in self._open() if order.waits_for is Wait.POOL]

    def due(self, after: Order | None, limit: int) -> list[Order]:
        due = sorted(
            (order.due_at, order.id) for order in self._open() if order.due_at and order.due_at <= self._time()
        )
        later = [key for key in due if after is None or after.due_at is None or key > (after.due_at, after.id)]
        return [self.orders[id] for _, id in later[:limit]]

    def slice_sums(self, parent: Order) -> SliceSums:
        slices = self.slices(parent)
        filled = [order for order in slices if order.status is Status.CONFIRMED]
        return SliceSums(
            sum(order.status in RUNNING for order in slices),
            len(filled),
            sum(order.amount_spent or 0 for order in filled),
            sum(order.amount_out or 0 for order in filled),
        )

    # Moving

    def expire(self, limit: int) -> list[Moved]:
        over = [order for order in self._open() if order.expires_at and order.expires_at <= self._time()]
        return self._all(self._move(order, Status.EXPIRED) for order in over[:limit])

    def activate(self, orders: Sequence[tuple[Order, Activation]]) -> list[Moved]:
        self.before_moves()
        free = [(order, data) for order, data in orders if not self._linked_runs(order)]
        return self._all(self._move(order, Status.PENDING, **activation._asdict()) for order, activation in free)

    def reach(self, order: Order) -> Moved | None:
        assert isinstance(order.terms, Stop)
        terms = replace(order.terms, reached=True)
        changed = {"waits_for": Wait.AT_LEAST, "trigger_out": order.limit_out, "terms": terms}
        return self._move(order, Status.OPEN, changed)

    def insert_slice(self, parent: Order, id: UUID, interval: float) -> tuple[Moved, Event] | None:
        assert isinstance(parent.terms, Recurring)
        assert parent.slices_done is not None
        assert parent.due_at is not None
        late = (self._time() - parent.due_at).total_seconds()
        due_at = parent.due_at + timedelta(seconds=interval * (late // interval + 1))
        moved = self._move(parent, Status.OPEN, {"slices_done": parent.slices_done + 1, "due_at": due_at})
        if moved is None:
            return None
        amount_in = parent.terms.slice_amount(parent.amount_in, parent.slices_done)
        slice = parent._replace(id=id, type="market", amount_in=amount_in, status=Status.PENDING, seq=1)
        self.orders[id] = slice._replace(
            terms=None, waits_for=None, due_at=None, slices_done=None, expires_at=None, parent_id=parent.id
        )
        event = Event(id, 1, Status.PENDING, self._time(), 1, {})
        self.moves.append(event)
        return moved, event

    def postpone(self, order: Order, seconds: float) -> None:
        self.orders[order.id] = self.orders[order.id]._replace(due_at=self._time() + timedelta(seconds=seconds))

    def complete(self, parent: Order, sums: SliceSums) -> Moved | None:
        status = Status.CONFIRMED if sums.confirmed else Status.FAILED
        return self._move(parent, status, {"amount_out": sums.amount_out, "amount_spent": sums.amount_spent})

    def refuse(self, order: Order, error: EngineError) -> Moved | None:
        return self._move(order, Status.FAILED, code=error.code)

    def _move(self, order: Order, status: Status, columns: dict[str, Any] | None = None, **data: Any) -> Moved | None:
        now = self.orders[order.id]
        if now.status is not Status.OPEN or now.seq != order.seq:
            return None
        self.orders[order.id] = now._replace(status=status, seq=now.seq + 1, **(columns or {}))
        event = Event(order.id, now.seq + 1, status, self._time(), 1, data)
        self.moves.append(event)
        return Moved(event, [f"listener of {order.id}"])

    def _all(self, moves: Any) -> list[Moved]:
        return [moved for moved in moves if moved]

    def _linked_runs(self, order: Order) -> bool:
        linked = self.orders.get(order.linked_id) if order.linked_id else None
        return linked is not None and linked.status in RUNNING | {Status.CONFIRMED}

    def _open(self) -> list[Order]:
        return [order for order in self.orders.values() if order.status is Status.OPEN]

    def _time(self) -> datetime:
        return START + timedelta(seconds=self.now)


def _reached(order: Order) -> tuple[Fraction, UUID]:
    """The order in which a moving price reaches the orders of a group."""
    price = Fraction(order.trigger_out or 0, order.amount_in)
    return (-price if order.waits_for is Wait.AT_MOST else price), order.id
