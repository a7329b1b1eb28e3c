"""A stateful property test of orders: events happen in any order, and the invariants must hold after each.

It uses the real engine, a real Postgres and the simulated venues on a clock that the test moves. Runs crash before and
after each commit and each effect, others supersede them, and invocations that were believed dead finish late.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from order_engine.domain import events
from order_engine.domain.errors import MAX_ATTEMPTS, EngineError, TooLateToCancel
from order_engine.domain.events import Event
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import FINAL, RUNNING, Status
from order_engine.domain.markets import SIMULATED
from order_engine.domain.money import format_price
from order_engine.domain.orders import OrderRequest
from order_engine.domain.terms import Limit, Stop
from order_engine.domain.timing import LEASE_SECONDS as LEASE
from order_engine.domain.tokens import token
from order_engine.domain.transactions import Transaction
from order_engine.ports import ExecutionResult
from order_engine.services.connections import Eviction
from order_engine.services.dispatching import Dispatch
from order_engine.services.execution import Execution
from order_engine.services.recovery import Recovery
from order_engine.services.submission import Submission
from order_engine.storage.connections import PostgresConnectionStore
from order_engine.storage.database import Database
from order_engine.storage.event_partitions import PostgresEventPartitions
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.quotes import PostgresQuoteStore
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.crashes import CRASHES, Crash, CrashingOrders, CrashPoint, Line
from tests.support.databases import clean, pass_time
from tests.support.fakes import Connections, FakeOrderQueue, FakeRateLimit, no_standing
from tests.support.lifecycles import replayed
from tests.support.market_view import SimulatedMarket, min_out
from tests.support.open_orders import MET
from tests.support.orders import CLIENT
from tests.support.state_walk import Invocation, Walk

PAIRS = (("SOL", "USDC", 10**9), ("USDC", "SOL", 10**6), ("BONK", "SOL", 1))
A_WHILE = 61.0
"""Seconds after which a lease, a quote and a transaction have expired."""

some = st.integers(0, 999)


class OrdersMachine(RuleBasedStateMachine):
    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.crash = CrashPoint()
        self.store = CrashingOrders(database, self.crash)
        self.waiting = PostgresOpenOrders(database)
        self.market = SimulatedMarket(database)
        self.ghosts: list[Transaction] = []
        quotes, line = PostgresQuoteStore(database), Line(self.market.chain, self.crash, self.ghosts)
        self.execution = Execution(
            orders=self.store, quotes=quotes, router=lambda: self.market.router, chain=line, publish=self.publish
        )
        queue = FakeOrderQueue()
        self.messages = queue.enqueued
        self.submission = Submission(
            orders=self.store,
            standing=no_standing,
            quotes=quotes,
            publish=self.publish,
            queue=queue,
            rate_limit=FakeRateLimit(),
            warn=lambda warning: None,
        )
        subscriptions = PostgresSubscriptionStore(database)
        partitions = PostgresEventPartitions(self.database, 0, lambda message, details: None)
        self.recovery = Recovery(
            orders=self.store,
            quotes=quotes,
            subscriptions=subscriptions,
            partitions=partitions,
            execution=self.execution,
            eviction=Eviction(
                store=PostgresConnectionStore(database),
                subscriptions=subscriptions,
                connections=Connections(),
                warn=lambda warning: None,
            ),
            queue=queue,
        )
        self.dispatch = Dispatch(orders=self.store, publish=self.publish, machine=self)
        self.walks: list[Walk] = []
        self.overtaken: Walk | None = None
        self.cancelled = self.given_up = False
        self.invocations: list[Invocation] = []
        self.heard: dict[UUID, list[int]] = {}
        self.ended: dict[UUID, Status] = {}
        self.traded: set[str] = set()

    # What the engine calls

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        """Records the events for one client that listens to every order and skips repeats."""
        for event in events:
            heard = self.heard.setdefault(event.order_id, [])
            if listeners and event.seq not in heard:
                heard.append(event.seq)

    def run(self, name: str, input: dict[str, Any]) -> ExecutionResult:
        """Starts a walk and answers that it was superseded, because the walk ends later."""
        state = json.loads(json.dumps(input))
        self.walks.append(Walk(state["order"]["order_id"], name, state, self.pass_time))
        return ExecutionResult("FAILED", "StaleRun", None)

    # What clients do

    @precondition(lambda self: len(self.heard) < 3)
    @rule(
        pair=st.sampled_from(PAIRS),
        amount=st.integers(1, 10**5),
        slippage=st.sampled_from([0, 50, 10_000]),
        at_once=st.booleans(),
    )
    def submit(self, pair: tuple[str, str, int], amount: int, slippage: int, at_once: bool) -> None:
        token_in, token_out, unit = pair
        request = OrderRequest("market", token_in, token_out, amount * unit, slippage)
        order, _ = self.submission.submit(request, CLIENT, connection_id="c1")
        if at_once:
            self.messages.remove(order.id)
            self.dispatch.run(order.id, str(uuid4()))

    @precondition(lambda self: len(self.heard) < 3)
    @rule(
        pair=st.sampled_from(PAIRS),
        amount=st.integers(1, 10**5),
        slippage=st.sampled_from([0, 50, 10_000]),
        percent=st.sampled_from([50, 100, 101]),
        kind=st.sampled_from(["limit", "stop", "linked"]),
        at_once=st.booleans(),
    )
    def submit_one_that_waits(
        self, pair: tuple[str, str, int], amount: int, slippage: int, percent: int, kind: str, at_once: bool
    ) -> None:
        """Submits orders whose limit is that share of what the market pays."""
        token_in, token_out, unit = pair
        asked = OrderRequest(kind, token_in, token_out, amount * unit, slippage)
        try:
            quote = self.market.router.best(token_in, token_out, asked.amount_in, asked.max_price_impact_bps)[0]
        except EngineError:
            return
        least = max(quote.amount_out * percent // 100, 1)
        price = format_price(asked.amount_in, token(token_in), least, token(token_out))
        limit = replace(asked, type="limit", terms=Limit(min_out=least))
        stop = replace(asked, type="stop", terms=Stop(Decimal(price), Decimal(price)))
        request = {"limit": limit, "stop": stop, "linked": replace(limit, linked=stop)}[kind]
        linked = (uuid7(), events.opened(stop, SIMULATED)) if request.linked else None
        id, opened = uuid7(), events.opened(request, SIMULATED)
        self.store.insert(id, CLIENT, request, opened, "c1", linked=linked)
        for one in (id, linked[0]) if linked else (id,):
            self.publish(*self.store.history(one))
        if at_once:
            self.activate(-1)
            self.deliver(-1, once_more=False)

    @precondition(lambda self: self.heard and not self.cancelled)
    @rule(which=some)
    def cancel(self, which: int) -> None:
        # Only once, so that most orders live long.
        self.cancelled = True
        id = list(self.heard)[which % len(self.heard)]
        before = self.store.get(id).status
        try:
            self.submission.cancel(CLIENT, id)
        except TooLateToCancel:
            assert before in (Status.SUBMITTED, Status.CONFIRMED, Status.FAILED, Status.EXPIRED)
        else:
            assert self.store.get(id).status is Status.CANCELLED

    # What the watcher, the queue and the sweep do

    @precondition(lambda self: self.heard)
    @rule(which=some, dies=st.booleans())
    def activate(self, which: int, dies: bool = False) -> None:
        """Activates an order, whatever the market pays now. The watcher may die before it tells anybody."""
        found = [order for order in map(self.store.get, self.heard) if order.status is Status.OPEN]
        chosen = [(found[which % len(found)], MET)] if found else []
        for moved in self.waiting.activate(chosen):
            if not dies:
                id = moved.event.order_id
                if moved.event.seq > len(self.heard[id]) + 1:
                    # The run before has not published all its events yet: the client sees the gap and reconnects.
                    self.reconnect(id)
                self.publish([moved.event], moved.listeners)
                self.messages.append(id)

    @precondition(lambda self: self.messages)
    @rule(which=some, once_more=st.booleans())
    def deliver(self, which: int, once_more: bool) -> None:
        """Delivers a message, possibly again and in any order."""
        id = self.messages[which % len(self.messages)]
        if not once_more:
            self.messages.remove(id)
        self.dispatch.run(id, str(uuid4()))

    @precondition(lambda self: self.messages)
    @rule()
    def lose_all_messages(self) -> None:
        """Loses messages and connections like a killed emulator. The client asks for what it missed."""
        self.messages.clear()
        for id in self.heard:
            self.reconnect(id)

    @precondition(lambda self: self.heard)
    @rule(seconds=st.sampled_from([LEASE + 1, A_WHILE]))
    def recover(self, seconds: float) -> None:
        """Lets other runs take over, while a signed transaction may still land or later."""
        self.pass_time(seconds)
        self.recovery.sweep(60)
        # Ids of the same millisecond are in no particular order.
        self.messages.sort(key=list(self.heard).index)
        while self.messages:
            self.deliver(0, once_more=False)

    @precondition(lambda self: self.heard and not self.given_up)
    @rule(which=some)
    def give_up(self, which: int) -> None:
        """Handles a dead letter."""
        self.given_up = True
        with suppress(EngineError):
            self.recovery.give_up(list(self.heard)[which % len(self.heard)])

    # What runs do

    @precondition(lambda self: self.walks)
    @rule(
        which=some,
        crash=st.sampled_from([None, *CRASHES]),
        survives=st.booleans(),
    )
    def step(self, which: int, crash: str | None = None, survives: bool = True) -> None:
        """Tries a Task once. A crash ends the function, or the whole execution."""
        self.take(self.walks[which % len(self.walks)], crash, survives)

    @precondition(lambda self: self.walks)
    @rule(which=some, point=st.sampled_from(CRASHES), by=some, other=some)
    def be_overtaken(self, which: int, point: str, by: int, other: int) -> None:
        """Lets something else happen in the middle of a step."""
        others = [self.carry_out_late, self.arrive_late, self.cancel, self.activate, self.pass_a_while_and_run]
        lists = [self.invocations, self.ghosts, self.heard, self.heard, self.heard]
        walk, number = self.walks[which % len(self.walks)], by % len(others)
        self.overtaken = walk

        def meanwhile() -> None:
            if lists[number]:
                others[number](other)

        self.take(walk, point, True, meanwhile)

    def pass_a_while_and_run(self, which: int) -> None:
        """Waits until another run can take over and lets it take a few steps."""
        self.recover((LEASE + 1, A_WHILE)[which % 2])
        for _ in range(which % 5):
            if self.walks[-1:] != [self.overtaken]:
                self.take(self.walks[-1])

    def take(
        self,
        walk: Walk,
        crash: str | None = None,
        survives: bool = True,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        invocation = walk.invocation()
        self.invocations.append(invocation)
        try:
            with self.crash.armed(crash, meanwhile):
                walk.succeeded(invocation.carry_out(self.execution))
        except EngineError as error:
            walk.failed(error.code, str(error))
        except Crash:
            if survives:
                walk.failed("Runtime.ExitError", "exit status 137")
            else:
                self.walks.remove(walk)
                self.messages.append(UUID(walk.order_id))
                return
        if walk.answer is not None:
            self.walks.remove(walk)
            if walk.answer not in ("succeeded", "OrderFailed", "StaleRun"):
                self.store.release(UUID(walk.order_id), walk.name)
                self.messages.append(UUID(walk.order_id))

    @precondition(lambda self: self.walks)
    @rule(which=some, crash=st.sampled_from(CRASHES))
    def crash_until_it_is_given_up(self, which: int, crash: str) -> None:
        walk = self.walks[which % len(self.walks)]
        for _ in range(MAX_ATTEMPTS):
            if walk in self.walks:
                self.take(walk, crash)

    @precondition(lambda self: self.walks)
    @rule(which=some, times=st.integers(1, 6))
    def go_on(self, which: int, times: int) -> None:
        """Takes several steps of one run without a failure."""
        walk = self.walks[which % len(self.walks)]
        for _ in range(times):
            if walk in self.walks:
                self.take(walk)

    @precondition(lambda self: self.invocations)
    @rule(which=some)
    def carry_out_late(self, which: int) -> None:
        """Runs an invocation late that timed out and was retried."""
        with suppress(EngineError):
            self.invocations[which % len(self.invocations)].carry_out(self.execution)

    @precondition(lambda self: self.ghosts)
    @rule(which=some)
    def arrive_late(self, which: int) -> None:
        """Lets a transaction of a crashed sender reach the chain."""
        with suppress(EngineError):
            self.market.chain.submit(self.ghosts[which % len(self.ghosts)])

    # What the world does

    @precondition(lambda self: self.heard)
    @rule(seconds=st.sampled_from([20.0, 31.0]))
    def pass_time(self, seconds: float) -> None:
        self.market.clock.now += seconds
        pass_time(self.database, seconds)

    @precondition(lambda self: self.heard)
    @rule(which=some, step=some, kind=some)
    def misbehave(self, which: int, step: int, kind: int) -> None:
        venue = self.market.names[which % len(self.market.names)]
        at = list(self.market.faults)[step % len(self.market.faults)]
        kinds = self.market.faults[at]
        self.market.fault(venue, at, kinds[kind % len(kinds)])

    @precondition(lambda self: self.heard)
    @rule(pair=st.sampled_from(PAIRS[:2]), amount=st.integers(1, 10**4))
    def trade(self, pair: tuple[str, str, int], amount: int) -> None:
        """Lets somebody else swap, so that orders without slippage tolerance slip."""
        with suppress(EngineError):
            self.traded |= self.market.trade(OrderRequest("market", pair[0], pair[1], amount * pair[2]))

    def reconnect(self, id: UUID) -> None:
        """The client asks for the events that it has missed."""
        self.heard[id] = [event.seq for event in self.store.events(id)]

    # What must hold

    @invariant()
    def everything_is_in_order(self) -> None:
        swaps = self.market.swaps()
        orders = {row["id"]: row for row in self.database.fetch("SELECT * FROM orders")}
        events: dict[UUID, list[dict[str, Any]]] = {id: [] for id in orders}
        for event in self.database.fetch("SELECT * FROM order_events ORDER BY order_id, seq"):
            events[event["order_id"]].append(event)
        for id, order in orders.items():
            self.order_is_in_order(order, events[id], swaps)
            heard = self.heard[id]
            assert heard == list(range(1, len(heard) + 1)), f"expected events in order, was {heard}"
            self.linked_orders_are_in_order(order, orders)
        signed = {event["data"]["signature"] for id in events for event in events[id] if event["status"] == "building"}
        assert swaps.keys() <= signed | self.traded, "expected no swap but what was recorded as built"
        assert self.market.is_in_order(), "expected every unit to be somewhere"

    def order_is_in_order(self, order: dict[str, Any], events: list[dict[str, Any]], swaps: dict[str, Any]) -> None:
        status = Status(order["status"])
        assert replayed(events) is status
        assert order["seq"] == len(events)
        # A final status never changes.
        assert self.ended.get(order["id"], status) is status
        signed = [event["data"]["signature"] for event in events if event["status"] == "building"]
        fills = [(signature, swaps[signature]) for signature in signed if signature in swaps]
        assert len(fills) <= 1, "expected one fill at most"
        if status in FINAL:
            self.ended[order["id"]] = status
            assert bool(fills) is (status is Status.CONFIRMED)
        assert not (fills and status is Status.OPEN), "expected no order that waits after its fill"
        for signature, swap in fills:
            assert (swap.token_in, swap.amount_in) == (order["token_in"], order["amount_in"]), "expected what was asked"
            assert signature == order["tx_hash"]
            assert swap.amount_out >= order["min_out"] == min_out(order["transaction"])
            slipped = order["quoted_out"] * (10_000 - order["slippage_bps"]) // 10_000
            assert order["min_out"] == max(slipped, order["limit_out"] or 0), "expected the limit or more"
            assert status is not Status.CONFIRMED or order["amount_out"] == swap.amount_out

    def linked_orders_are_in_order(self, order: dict[str, Any], orders: dict[UUID, dict[str, Any]]) -> None:
        linked = orders.get(order["linked_id"])
        if linked is not None:
            both = {Status(order["status"]), Status(linked["status"])}
            assert not both <= RUNNING | {Status.CONFIRMED}, "expected one of two linked orders to run"
            assert Status.CONFIRMED not in both or Status.OPEN not in both, "expected none to be open beside the fill"

    def teardown(self) -> None:
        """Removes all faults: every order ends or is open again, and its client has heard every event."""
        self.market.clear_faults()
        for _ in range(5):
            self.recover(A_WHILE)
            while self.walks:
                self.step(0)
            self.everything_is_in_order()
        for id in self.heard:
            order = self.store.get(id)
            assert order.status not in RUNNING, f"expected an end, was {order.status}"
            assert self.heard[id] == list(range(1, order.seq + 1))


def run_machine(kind: type[OrdersMachine], database_url: str, *, examples: int, steps: int) -> None:
    """Runs `examples` histories of that many steps, each on a clean database."""
    database = Database(database_url)

    def machine() -> OrdersMachine:
        clean(database_url)
        return kind(database)

    # Hypothesis takes any factory, but declares a class.
    factory: Any = machine
    try:
        run_state_machine_as_test(
            factory,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                phases=[Phase.generate],  # Shrinking would take minutes.
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        database.close()


@pytest.mark.timeout(600)
def test_orders_keep_every_promise_whatever_happens(database_url: str) -> None:
    run_machine(OrdersMachine, database_url, examples=120, steps=50)
