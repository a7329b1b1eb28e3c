"""Watches the market for orders that wait. One watcher at a time does, and two at once do no harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from uuid import UUID

from order_engine.domain.errors import EngineError, StoreUnavailable
from order_engine.domain.events import Activation
from order_engine.domain.orders import Order
from order_engine.domain.terms import Stop, Wait
from order_engine.ports import Group, Lease, OpenOrders
from order_engine.services.recurring import Slicing, has_range
from order_engine.services.routing import Router, Snapshot
from order_engine.services.sniping import Sniping
from order_engine.services.starting import Starting
from order_engine.services.triggers import by_direction, reached, within_reach

LEASE_SECONDS = 8.0
"""How much longer than its interval a watcher that says nothing more counts as alive."""

RENEWAL_SECONDS = 3.0
"""How often a watcher that activates many orders renews its lease."""

HANDOVER_SECONDS = 0.2
"""How often a watcher that waits asks whether the other one has ended its tick, or its lease has."""

NOTES_SECONDS = 5.0
"""For how long a watcher's notes are valid: less than the lease of one that was killed and has left none."""

SEARCH_SECONDS = 2.0
"""How much of a tick the search for pools may take."""

PAGE = 100
"""How many orders are read at once."""

DUE_PAGES = 10
"""How many pages of recurring orders a tick looks at. The next tick goes on where it has ended."""


@dataclass
class Watched:
    """What a watcher has done: how many orders were open, the seconds that each tick took, and what it moved."""

    open: int = 0
    ticks: list[float] = field(default_factory=list)
    activated: int = 0
    sliced: int = 0
    expired: int = 0


class Watcher:
    """Looks at the market every `interval` seconds.

    `now` gives seconds, for durations, and `clock` Unix seconds. `warn` logs what goes wrong without harm to an order.
    """

    def __init__(
        self,
        *,
        open_orders: OpenOrders,
        router: Router,
        starting: Starting,
        slicing: Slicing,
        sniping: Sniping,
        interval: float,
        warn: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._open_orders = open_orders
        self._router = router
        self._starting = starting
        self._slicing = slicing
        self._sniping = sniping
        self._interval = interval
        self._warn = warn
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._holder = ""
        self._renewed = 0.0
        self._confirming: dict[UUID, tuple[int, int]] = {}
        self._last_due: Order | None = None

    def watch(self, holder: str, seconds: float, wait: bool) -> Watched:
        """Watches for at most `seconds`, until another watcher takes over or nothing is open any more.

        While another one watches, this one waits until that has handed over; unless it is to `wait`, it leaves it
        alone. Raises `StoreUnavailable`.
        """
        ends = self._now() + seconds
        waiting = self._open_orders.waiting()
        watched = Watched(waiting.open)
        if (waiting.open or waiting.is_abandoned) and self._take_over(holder, ends if wait else None):
            try:
                self._watch(ends, watched)
            finally:
                ticks = {str(id): list(seen) for id, seen in self._confirming.items()}
                with suppress(StoreUnavailable):
                    self._open_orders.release_lease(holder, {"at": self._clock(), "ticks": ticks})
        return watched

    def _take_over(self, holder: str, until: float | None) -> bool:
        self._holder = holder
        while not (lease := self._take_lease(wait=until is not None)).is_held:
            if until is None or self._now() >= until:
                return False
            self._sleep(HANDOVER_SECONDS)
        # What stops have counted so far. After a pause no ticks are in a row.
        is_valid = abs(self._clock() - lease.notes.get("at", 0)) <= NOTES_SECONDS
        ticks = lease.notes["ticks"] if is_valid else {}
        self._confirming = {UUID(id): (seq, count) for id, (seq, count) in ticks.items()}
        self._last_due = None
        if lease.is_inherited:
            self._starting.republish(self._open_orders.heard_lately())
        return True

    def _watch(self, ends: float, watched: Watched) -> None:
        while True:
            started = self._now()
            awake = self.tick(watched) or self._open_orders.waiting().open > 0
            watched.ticks.append(self._now() - started)
            pause = max(started + self._interval - self._now(), 0)
            if not awake or self._now() + pause >= ends:
                return
            self._sleep(pause)
            lease = self._take_lease()
            if lease.is_wanted or not lease.is_held:
                return

    def tick(self, watched: Watched) -> bool:
        """Looks at the market once, and adds what it does to `watched`. Returns whether it has found anything to watch.

        An error of one pair or one order holds back no other. Raises `StoreUnavailable`.
        """
        self._expire(watched)
        groups, due, snipers = self._open_orders.groups(), self._due(), self._open_orders.waiting_for_pools()
        with self._alone("the search for pools"):
            self._sniping.search(snipers, SEARCH_SECONDS)
        snapshot = self._read([*groups, *filter(has_range, due), *snipers])
        if snapshot is not None:
            self._look_at_prices(groups, snapshot, watched)
            self._look_at_pools(snipers, snapshot, watched)
        for order in due:
            with self._alone(f"order {order.id}"):
                watched.sliced += self._slicing.advance(order, snapshot)
            self._renew()
        return bool(groups or due or snipers)

    def _expire(self, watched: Watched) -> None:
        while expired := self._open_orders.expire(PAGE):
            self._starting.publish(*expired)
            watched.expired += len(expired)
            self._renew()
            if len(expired) < PAGE:
                break

    def _due(self) -> list[Order]:
        found: list[Order] = []
        for _ in range(DUE_PAGES):
            page = self._open_orders.due(self._last_due, PAGE)
            found += page
            self._last_due = page[-1] if len(page) == PAGE else None
            if self._last_due is None:
                break
        return found

    def _read(self, waiting: Iterable[Group | Order]) -> Snapshot | None:
        """The pools of all tokens that are waited for; `None` without any, or while no venue answers."""
        tokens = {token for one in waiting for token in (one.token_in, one.token_out)}
        if tokens:
            with self._alone("the reading of the pools"):
                snapshot = self._router.read(tokens)
                for name, reason in snapshot.absent.items():
                    self._warn(f"the pools of {name} are not known: {reason}")
                return snapshot
        return None

    def _look_at_prices(self, groups: Iterable[Group], snapshot: Snapshot, watched: Watched) -> None:
        confirming: dict[UUID, tuple[int, int]] = {}
        for of_direction in by_direction(groups):
            with self._alone(f"{of_direction[0].token_in}-{of_direction[0].token_out}"):
                for group, bound in within_reach(of_direction, snapshot):
                    for page in self._pages(group, bound):
                        self._activate(self._found(page, snapshot, confirming), watched)
        # Without all venues no stop was looked at: the ticks in a row go on with the next one.
        if snapshot.is_complete:
            self._confirming = confirming

    def _pages(self, group: Group, bound: Fraction) -> Iterator[list[Order]]:
        page = self._open_orders.candidates(group, bound, None, PAGE)
        while page:
            yield page
            if len(page) < PAGE:
                return
            page = self._open_orders.candidates(group, bound, page[-1], PAGE)

    def _found(
        self, orders: Sequence[Order], snapshot: Snapshot, confirming: dict[UUID, tuple[int, int]]
    ) -> list[tuple[Order, Activation]]:
        """Those of the orders that are to run. Has the others that have reached their stop wait for their limit.

        Adds stops that need more ticks to `confirming`.
        """
        found = []
        for order in orders:
            with self._alone(f"order {order.id}"):
                activation = reached(order, snapshot)
                if activation is None:
                    continue
                if isinstance(order.terms, Stop) and order.waits_for is Wait.AT_MOST:
                    ticks = self._ticks(order) + 1
                    if ticks < order.terms.confirm_ticks:
                        confirming[order.id] = (order.seq, ticks)
                        continue
                    if activation.amount_out < (order.limit_out or 0):
                        if moved := self._open_orders.reach(order):
                            self._starting.publish(moved)
                        continue
                found.append((order, activation))
        return found

    def _ticks(self, order: Order) -> int:
        """For how many ticks in a row a stop with these terms was reached before this one."""
        seq, ticks = self._confirming.get(order.id, (order.seq, 0))
        return ticks if seq == order.seq else 0

    def _look_at_pools(self, orders: Iterable[Order], snapshot: Snapshot, watched: Watched) -> None:
        for order in orders:
            with self._alone(f"order {order.id}"):
                activation = self._sniping.reached(order, snapshot)
                if activation is not None:
                    self._activate([(order, activation)], watched)

    def _activate(self, found: Sequence[tuple[Order, Activation]], watched: Watched) -> None:
        watched.activated += len(self._starting.activate(found))
        self._renew()

    def _renew(self) -> None:
        """Renews the lease if it is time. A watcher that has lost it ends after its tick."""
        if self._now() - self._renewed >= RENEWAL_SECONDS:
            self._take_lease()

    def _take_lease(self, wait: bool = False) -> Lease:
        self._renewed = self._now()
        return self._open_orders.take_lease(self._holder, self._interval + LEASE_SECONDS, wait)

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """Logs an error of one part of a tick. Raises `StoreUnavailable`."""
        try:
            yield
        except StoreUnavailable:
            raise
        except EngineError as error:
            self._warn(f"{what}: {error}")
        except Exception as error:
            self._warn(f"{what}: {type(error).__name__}: {error}")
