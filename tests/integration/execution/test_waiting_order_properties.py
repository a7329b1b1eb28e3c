"""A stateful property test of orders that wait: clients, watchers, runs and the market do anything in any order.

Before each tick of a watcher a model quotes every open order, from the stored pools and without an index or a bound,
and says what the tick must do. All that holds of orders that run holds of these too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from order_engine.dex.routing import Listing
from order_engine.domain.errors import EngineError
from order_engine.domain.events import Activation, Event
from order_engine.domain.lifecycle import FINAL, RUNNING, Status
from order_engine.domain.money import at_price
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop, Wait
from order_engine.domain.tokens import token
from order_engine.ports import Moved, PoolList
from order_engine.services.routing import Router, Snapshot
from order_engine.services.standing import Standing
from order_engine.services.starting import Starting
from order_engine.services.submission import Submission
from order_engine.services.watching import LEASE_SECONDS
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.quotes import PostgresQuoteStore
from order_engine.storage.standing_orders import PostgresStandingOrders
from tests.integration.execution.test_order_properties import A_WHILE, OrdersMachine, run_machine, some
from tests.support import simulation
from tests.support.crashes import CrashPoint
from tests.support.fakes import FakeOrderQueue, FakeRateLimit
from tests.support.lifecycles import replayed
from tests.support.orders import CLIENT
from tests.support.watching import tick, watcher_on

PAIRS = (("SOL", "USDC", 10**8), ("USDC", "SOL", 10**6), ("BONK", "SOL", 1))
MOST_ORDERS = 8
KINDS = ("limit", "stop", "stop with a limit", "pair", "recurring", "sniper")

spread = st.sampled_from([0, 1, -1, 3, -3, 20, -20, 500])
"""By how many basis points a price is above what the market pays."""


class OpenOrders(PostgresOpenOrders):
    """Lets something else happen before orders are activated."""

    def __init__(self, database: Database, crash: CrashPoint) -> None:
        super().__init__(database)
        self._crash = crash

    def activate(self, orders: Sequence[tuple[Order, Activation]]) -> list[Moved]:
        self._crash.reached("before activation")
        return super().activate(orders)


class WaitingOrdersMachine(OrdersMachine):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.waiting = OpenOrders(database, self.crash)
        queue = FakeOrderQueue(enqueued=self.messages)
        self.standing = Standing(
            orders=self.store,
            standing=PostgresStandingOrders(database),
            open_orders=self.waiting,
            router=lambda: self.market.router,
            starting=Starting(open_orders=self.waiting, publish=self.publish, queue=queue, warn=pytest.fail),
            publish=self.publish,
            wake=lambda: None,
            rate_limit=FakeRateLimit(),
            warn=pytest.fail,
        )
        self.submission = Submission(
            orders=self.store,
            quotes=PostgresQuoteStore(database),
            publish=self.publish,
            queue=queue,
            rate_limit=FakeRateLimit(),
            warn=pytest.fail,
            standing=lambda: self.standing,
        )
        # No pause between two ticks is too long.
        self.watchers = [
            watcher_on(self.waiting, self.market.router, self.publish, queue, clock=lambda: 1e9) for _ in range(2)
        ]
        self.confirming: dict[UUID, tuple[int, int]] = {}
        """The ticks in a row in which a stop with this `seq` was reached."""

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        """As if the client listened to the slices of its orders too."""
        super().publish(events, ["c1"])

    # The rules that runs alone are tested with would leave too little for the market to move in.
    submit = submit_one_that_waits = be_overtaken = crash_until_it_is_given_up = None  # type: ignore[assignment]
    carry_out_late = arrive_late = give_up = None  # type: ignore[assignment]

    # What clients do

    @precondition(lambda self: len(self.heard) < MOST_ORDERS)
    @rule(
        kind=st.sampled_from(KINDS),
        pair=st.sampled_from(PAIRS),
        amount=st.integers(1, 10**5),
        bps=spread,
        ticks=st.sampled_from([1, 1, 2]),
        expires=st.sampled_from([None, None, None, 45]),
    )
    def submit_waiting(
        self, kind: str, pair: tuple[str, str, int], amount: int, bps: int, ticks: int, expires: int | None
    ) -> None:
        asked = OrderRequest("market", pair[0], pair[1], amount * pair[2], 100)
        request = self.request(kind, asked, bps, ticks)
        if request is None:
            return
        expiry = expires and datetime.now(UTC) + timedelta(seconds=expires)
        request = replace(request, expires_at=expiry or request.expires_at)
        if request.linked:
            request = replace(request, linked=replace(request.linked, expires_at=expiry or None))
        met = self.is_met(request)
        is_whole = self.has_all_venues()
        # A stop above the market is refused, and so is what pays nothing.
        with suppress(EngineError):
            order, _ = self.submission.submit(request, CLIENT, connection_id="c1")
            if is_whole:
                assert (self.store.get(order.id).status is Status.PENDING) is met

    def request(self, kind: str, asked: OrderRequest, bps: int, ticks: int) -> OrderRequest | None:
        paid = self.paid(self.snapshot(), asked)
        if paid is None:
            return None
        at, below = (self.price(asked, Fraction(paid * (10_000 + by), 10_000)) for by in (bps, -abs(bps)))
        limit = replace(asked, type="limit", terms=Limit(at))
        stop = replace(asked, type="stop", terms=Stop(below, confirm_ticks=ticks))
        match kind:
            case "limit":
                return limit
            case "stop":
                return stop
            case "stop with a limit":
                return replace(asked, type="stop", terms=Stop(below, below, ticks))
            case "pair":
                return replace(limit, linked=stop) if at > below else None
            case "recurring":
                slices = min(3, asked.amount_in)
                bounds = {1: (at, None), -1: (None, at)}.get(bps, (None, None))
                return replace(asked, type="recurring", terms=Recurring(slices, 60, *bounds)) if slices > 1 else None
        return replace(asked, type="sniper", terms=Sniper(10**6, 1 / at), expires_at=datetime.now(UTC) + timedelta(1))

    @precondition(lambda self: self.open())
    @rule(which=some, bps=spread)
    def replace(self, which: int, bps: int) -> None:
        """Replaces the price of an order."""
        found = [order for order in self.open() if isinstance(order.terms, Limit | Stop)]
        if not found:
            return
        order = found[which % len(found)]

        def revise(order: Order) -> OrderRequest:
            asked = OrderRequest(order.type, order.token_in, order.token_out, order.amount_in, order.slippage_bps)
            kind = "limit" if isinstance(order.terms, Limit) else "stop"
            return replace(self.request(kind, asked, bps, 1) or asked, expires_at=order.expires_at)

        with suppress(EngineError, ValueError, AssertionError):
            self.standing.replace(CLIENT, order.id, revise)

    @precondition(lambda self: self.open())
    @rule(
        pair=st.sampled_from([*PAIRS, ("SOL", "BONK", 10**5)]),
        amount=st.integers(10**4, 10**6),
        times=st.integers(1, 4),
    )
    def move_the_price(self, pair: tuple[str, str, int], amount: int, times: int) -> None:
        for _ in range(times):
            unit = pair[2] * (10**6 if pair[0] == "BONK" else 1)
            with suppress(EngineError):
                self.traded |= self.market.trade(OrderRequest("market", pair[0], pair[1], amount * unit))

    @precondition(lambda self: self.open())
    @rule(which=some, kind=st.sampled_from(["fail", "timeout"]))
    def lose_a_venue(self, which: int, kind: str) -> None:
        self.market.fault(self.market.names[which % len(self.market.names)], "quote", kind)

    # What watchers do

    def activate(self, which: int, dies: bool = False) -> None:
        """Not a rule of its own: a watcher activates what the market has reached, and nothing else."""
        tick(self.watchers[which % 2], f"watcher {which}")

    @precondition(lambda self: self.open())
    @rule(which=some)
    def tick(self, which: int) -> None:
        self.watch(lambda: self.activate(which))

    @precondition(lambda self: self.open())
    @rule(which=some)
    def two_watchers_at_once(self, which: int) -> None:
        """Lets another watcher begin and end before the first one activates anything."""

        def another() -> None:
            # As if the lease of the first had ended.
            self.database.execute("DELETE FROM leases")
            self.activate(which + 1)

        with self.crash.armed("before activation", another):
            self.watch(lambda: self.activate(which), is_alone=False)

    @precondition(lambda self: self.open())
    @rule()
    def watcher_dies(self) -> None:
        self.waiting.take_lease("one that dies", LEASE_SECONDS)

    def watch(self, look: Callable[[], None], is_alone: bool = True) -> None:
        """Has watchers look at the market, and compares what they have done with the model.

        A tick in which venues fail looks at no stop, so that it does less. Two ticks count for two.
        """
        is_whole, is_watched = self.has_all_venues(), self.waiting.is_watched()
        before = {order.id: order for order in self.open()}
        counted = {**self.confirming}
        must = self.model(before.values())
        look()
        self.messages.sort(key=list(self.heard).index)
        after = {id: self.store.get(id) for id in before}
        done = {id: self.what(before[id], after[id]) for id in before if after[id].seq != before[id].seq}
        assert all(after[id].seq == before[id].seq + 1 for id in done), "expected one move by one watcher"
        if is_watched:
            assert done == {}, "expected a watcher that dies to hold its lease"
            self.confirming = counted
        elif not is_whole:
            assert done.items() <= must.items()
            self.confirming = counted
        elif is_alone:
            assert done == must
        else:
            assert must.items() <= done.items()
            assert all(isinstance(before[id].terms, Stop) for id in done.keys() - must.keys())
            (row,) = self.database.fetch("SELECT notes FROM leases")
            self.confirming = {UUID(id): (seq, count) for id, (seq, count) in row["notes"]["ticks"].items()}

    def what(self, before: Order, after: Order) -> str:
        if after.status is Status.OPEN:
            return "slice" if after.slices_done != before.slices_done else "reach"
        return after.status.value

    # The model

    def model(self, orders: Iterable[Order]) -> dict[UUID, str]:
        """What a tick must do with these orders."""
        snapshot, (row,) = self.snapshot(), self.database.fetch("SELECT now() AS now")
        must: dict[UUID, str] = {}
        for order in orders:
            all_made = isinstance(order.terms, Recurring) and order.slices_done == order.terms.slices
            if order.expires_at is not None and order.expires_at <= row["now"] and not all_made:
                must[order.id] = "expired"
            elif (found := self.found(order, snapshot, row["now"])) is not None:
                must[order.id] = found
        return must

    def found(self, order: Order, snapshot: Snapshot, now: datetime) -> str | None:
        terms, paid = order.terms, self.paid(snapshot, order)
        if isinstance(terms, Recurring):
            return self.next_slice(order, terms, snapshot, now)
        if self.rests(order):
            self.confirming.pop(order.id, None)
            return None
        if isinstance(terms, Sniper):
            held = snapshot.liquidity(order.token_out, order.token_in) >= terms.min_liquidity
            return "pending" if held and paid is not None and paid >= (order.limit_out or 0) else None
        assert order.trigger_out is not None
        linked = order.linked_id and self.store.get(order.linked_id).status
        may_run = linked not in RUNNING | {Status.CONFIRMED}
        if order.waits_for is Wait.AT_LEAST:
            return "pending" if paid is not None and paid >= order.trigger_out and may_run else None
        assert isinstance(terms, Stop)
        if paid is None or paid > order.trigger_out:
            self.confirming.pop(order.id, None)
            return None
        seq, count = self.confirming.get(order.id, (order.seq, 0))
        count = count + 1 if seq == order.seq else 1
        if count < terms.confirm_ticks:
            self.confirming[order.id] = order.seq, count
            return None
        self.confirming.pop(order.id, None)
        if paid < (order.limit_out or 0):
            return "reach"
        return "pending" if may_run else None

    def rests(self, order: Order) -> bool:
        """Whether the order's last transaction did not swap, and it waits for a while before it tries again."""
        return bool(
            self.database.fetch("SELECT FROM orders WHERE id = %(id)s AND rests_until > now()", {"id": order.id})
        )

    def next_slice(self, order: Order, terms: Recurring, snapshot: Snapshot, now: datetime) -> str | None:
        assert order.due_at is not None
        assert order.slices_done is not None
        if order.slices_done == terms.slices:
            slices = self.database.fetch("SELECT status FROM orders WHERE parent_id = %(id)s", {"id": order.id})
            statuses = {Status(row["status"]) for row in slices}
            if order.due_at > now or not statuses <= FINAL:
                return None
            return "confirmed" if Status.CONFIRMED in statuses else "failed"
        if order.due_at > now:
            return None
        amount = terms.slice_amount(order.amount_in, order.slices_done)
        paid = self.paid(snapshot, order._replace(amount_in=amount))
        tokens = token(order.token_in), token(order.token_out)
        for bound, sign in ((terms.min_price, 1), (terms.max_price, -1)):
            if bound is not None and (paid is None or sign * paid < sign * at_price(amount, bound, *tokens)):
                return None
        return "slice"

    def snapshot(self) -> Snapshot:
        """All stored pools, whatever the venues answer."""
        return Router(self, self.market.clock).read([name for pair in PAIRS for name in pair[:2]])

    name = "stored"

    def pools(self, tokens: Sequence[str]) -> PoolList:
        stored = simulation.settings(self.database).values()
        listings = [Listing(one.id, one.venue, one.token_a, one.token_b, 1, one.pool) for one in stored]
        return PoolList([one for one in listings if {one.token_a, one.token_b} <= {*tokens}], {})

    def paid(self, snapshot: Snapshot, order: Order | OrderRequest) -> int | None:
        route = snapshot.quote(order.token_in, order.token_out, order.amount_in, order.max_price_impact_bps)
        return None if route is None else route.amount_out

    def is_met(self, request: OrderRequest) -> bool:
        paid, watch = self.paid(self.snapshot(), request), request.watch
        assert watch is not None
        return watch.waits_for is Wait.AT_LEAST and paid is not None and paid >= (watch.trigger_out or 0)

    def price(self, asked: OrderRequest, paid: Fraction) -> Decimal:
        """The price at which the amount is paid that much, in whole tokens."""
        scale = Fraction(10) ** (token(asked.token_in).decimals - token(asked.token_out).decimals)
        return Decimal(f"{ceil(paid * scale / asked.amount_in * 10**20)}E-20")

    def has_all_venues(self) -> bool:
        return not self.database.fetch("SELECT FROM market_faults WHERE step = 'quote'")

    def open(self) -> list[Order]:
        rows = self.database.fetch("SELECT id FROM orders WHERE status = 'open'")
        # Ids of the same millisecond are in no particular order.
        return [self.store.get(id) for id in sorted((row["id"] for row in rows), key=list(self.heard).index)]

    # What must hold

    def order_is_in_order(self, order: dict[str, Any], events: list[dict[str, Any]], swaps: dict[str, Any]) -> None:
        if order["type"] != "recurring":
            super().order_is_in_order(order, events, swaps)
            return
        assert replayed(events) is Status(order["status"])
        assert order["seq"] == len(events)
        slices = self.database.fetch("SELECT * FROM orders WHERE parent_id = %(id)s ORDER BY id", {"id": order["id"]})
        assert len(slices) == order["slices_done"]
        terms = Recurring(order["terms"]["slices"], 60)
        amounts = [terms.slice_amount(int(order["amount_in"]), number) for number in range(len(slices))]
        assert sorted(slice["amount_in"] for slice in slices) == sorted(amounts)
        if order["status"] == "confirmed":
            filled = [slice for slice in slices if slice["status"] == "confirmed"]
            for name in ("amount_out", "amount_spent"):
                assert order[name] == sum(slice[name] for slice in filled)

    def teardown(self) -> None:
        """Removes all faults: every order ends or waits rightly."""
        self.market.clear_faults()
        for _ in range(5):
            self.pass_time(A_WHILE)
            self.tick(0)
            while self.messages:
                self.deliver(0, once_more=False)
            while self.walks:
                self.step(0)
        super().teardown()
        self.tick(0)


@pytest.mark.timeout(600)
def test_orders_that_wait_keep_every_promise_whatever_happens(database_url: str) -> None:
    run_machine(WaitingOrdersMachine, database_url, examples=60, steps=40)
