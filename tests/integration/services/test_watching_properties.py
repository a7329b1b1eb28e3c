"""The watcher against a model that quotes every order at every tick, on pools of all kinds and random prices.

The watcher reads few orders, by bounds of what it may be paid for amounts that it has not quoted. The model has neither
index nor bound.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from math import ceil
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.dex.routing import Listing
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import BPS, U64_MAX
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Limit, Stop, Wait
from order_engine.domain.tokens import TOKENS
from order_engine.ports import PoolList
from order_engine.services.routing import Router
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from tests.support.open_orders import open_order
from tests.support.watching import tick, watcher_on
from tests.unit.engine.dex.builders import NOW, amm, pools_of_a_pair
from tests.unit.engine.dex.strategies import POOLS

PAIRS = (("RAY", "JUP"), ("JUP", "RAY"), ("RAY", "SOL"), ("SOL", "JUP"))
OPENED_AT_ONCE = 12
DECIMALS = 40


@dataclass
class ScriptedVenue:
    """Has the pools that a test gives it."""

    listings: list[Listing]
    name: str = "scripted"

    def pools(self, tokens: Sequence[str]) -> PoolList:
        return PoolList([one for one in self.listings if {one.token_a, one.token_b} <= set(tokens)], {}, NOW)

    def swap(self, chance: random.Random) -> None:
        """Moves the price of a pool by up to about a fifth, unless that can't take the amount."""
        number = chance.randrange(len(self.listings))
        one = self.listings[number]
        with suppress(DexError, ValueError):
            a_to_b = chance.random() < 0.5
            _, pool = one.pool.swap(chance.randint(1, one.pool.depth(not a_to_b) // 10 + 1), a_to_b, NOW)
            self.listings[number] = one._replace(pool=pool, slot=one.slot + 1)


@dataclass
class Model:
    """Quotes every open order alone. `confirming` counts the ticks in a row in which a stop was reached."""

    router: Router
    orders: list[Order] = field(default_factory=list)
    confirming: dict[UUID, int] = field(default_factory=dict)

    def paid(self, order: Order | OrderRequest) -> int | None:
        """What the market pays for the order's amount; `None` if the order can't be executed."""
        snapshot = self.router.read((order.token_in, order.token_out))
        route = snapshot.quote(order.token_in, order.token_out, order.amount_in, order.max_price_impact_bps)
        return None if route is None else route.amount_out

    def tick(self) -> tuple[dict[UUID, int], set[UUID]]:
        """The orders that must be activated at this tick, with what each is paid, and the stops that wait on."""
        activated, reached = {}, set()
        for order in self.orders:
            paid, terms = self.paid(order), order.terms
            if paid is None or order.trigger_out is None:
                self.confirming.pop(order.id, None)
            elif order.waits_for is Wait.AT_LEAST:
                if paid >= order.trigger_out:
                    activated[order.id] = paid
            elif paid > order.trigger_out:
                self.confirming.pop(order.id, None)
            else:
                assert isinstance(terms, Stop)
                self.confirming[order.id] = self.confirming.get(order.id, 0) + 1
                if self.confirming[order.id] < terms.confirm_ticks:
                    continue
                if order.limit_out is None or paid >= order.limit_out:
                    activated[order.id] = paid
                else:
                    reached.add(order.id)
        self.orders = [
            order._replace(waits_for=Wait.AT_LEAST, trigger_out=order.limit_out) if order.id in reached else order
            for order in self.orders
            if order.id not in activated
        ]
        return activated, reached


@st.composite
def markets(draw: st.DrawFn) -> list[Listing]:
    """Pools of the pair, and sometimes pools that lead over a hub."""
    any_pool = st.one_of(*POOLS.values()).map(lambda pool: [pool])
    direct, one, two = (
        draw(any_pool | pools_of_a_pair(10**3, 10**16, (1, 3))),
        draw(pools_of_a_pair(10**3, 10**16, (1, 2)) | st.just([])),
        draw(pools_of_a_pair(10**3, 10**16, (1, 2)) | st.just([])),
    )
    by_pair: list[tuple[tuple[str, str], list[Pool]]] = [(("RAY", "JUP"), direct), (("RAY", "SOL"), one)]
    by_pair += [(("SOL", "JUP"), two)]
    return [
        Listing(f"{pair[0]}-{pair[1]} {number}", "scripted", *pair, 1, pool)
        for pair, pools in by_pair
        for number, pool in enumerate(pools)
    ]


def an_order(chance: random.Random, model: Model) -> OrderRequest:
    """A limit or a stop close to the market's price, where there is one."""
    token_in, token_out = chance.choice(PAIRS)
    # The ends of a group of amounts, and any other: each length is equally likely.
    amount_in = max((1 << chance.randrange(65)) - chance.choice([0, 0, 1]), 1)
    amount_in = min(chance.choice([amount_in, chance.randint(1, amount_in)]), U64_MAX)
    impact = chance.choice([BPS, BPS, 500, 10])
    request = OrderRequest("limit", token_in, token_out, amount_in, max_price_impact_bps=impact)
    paid = model.paid(request) or chance.randint(1, 1 << chance.randrange(40))
    spread = chance.choice([0, 1, 3, paid // 1_000, paid // 50, paid])
    trigger = min(max(paid + chance.randint(-spread, spread), 1), U64_MAX)
    kind = chance.choice(["limit", "limit", "stop", "stop with its limit at the stop", "stop with a limit"])
    if kind == "limit":
        return replace(request, terms=Limit(min_out=trigger))
    price, limit_price = (_price_of(request, amount) for amount in (trigger, chance.randint(1, trigger)))
    limits = {"stop": None, "stop with its limit at the stop": price, "stop with a limit": limit_price}
    return replace(request, type="stop", terms=Stop(price, limits[kind], chance.choice([1, 1, 1, 2, 3])))


def _price_of(request: OrderRequest, amount_out: int) -> Decimal:
    """The price at which the order is paid `amount_out`, and hardly more: 40 decimals may not do."""
    scale = Fraction(10) ** (TOKENS[request.token_in].decimals - TOKENS[request.token_out].decimals)
    units = ceil(Fraction(amount_out, request.amount_in) * scale * 10**DECIMALS)
    return Decimal(f"{units}E-{DECIMALS}")


@pytest.mark.timeout(300)
def test_every_order_is_activated_at_the_first_tick_that_allows_it_and_never_before(database_url: str) -> None:
    database = Database(database_url)
    open_orders = PostgresOpenOrders(database)
    seen = {"activated": 0, "reached": 0, "waiting": 0}

    @settings(
        max_examples=60,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # Shrinking would take minutes.
    )
    @given(seed=st.integers(0, 1 << 32), listings=markets())
    def check(seed: int, listings: list[Listing]) -> None:
        database.fetch_all(*((f"DELETE FROM {table}", {}) for table in ("order_events", "orders", "leases")))
        venue, chance = ScriptedVenue(listings), random.Random(seed)
        model = Model(Router(venue, lambda: NOW))
        watchers = [
            watcher_on(open_orders, Router(venue, lambda: NOW), warn=pytest.fail, clock=lambda: 1e9) for _ in range(2)
        ]
        for _ in range(4):
            for _ in range(OPENED_AT_ONCE):
                model.orders.append(open_order(database, an_order(chance, model)))
            activated, reached = model.tick()
            tick(chance.choice(watchers))
            found = moved_by_the_last_tick(database)
            assert found == (activated, reached)
            seen["activated"] += len(activated)
            seen["reached"] += len(reached)
            seen["waiting"] += len(model.orders)
            for _ in range(chance.randrange(4)):
                venue.swap(chance)

    try:
        check()
    finally:
        database.close()
    assert all(seen.values()), f"expected orders that are activated, that wait and that reach their stop, was {seen}"


def moved_by_the_last_tick(database: Database) -> tuple[dict[UUID, int], set[UUID]]:
    """The orders that were activated since the last call, with what each was quoted, and the stops that wait on."""
    rows = database.fetch("SELECT order_id, status, data FROM order_events WHERE seq > 1 ORDER BY order_id")
    database.execute("DELETE FROM order_events")
    activated = {
        row["order_id"]: int(row["data"]["activation"]["amount_out"]) for row in rows if row["status"] == "pending"
    }
    return activated, {row["order_id"] for row in rows if row["status"] == "open"}


def test_an_order_of_the_largest_amount_holds_back_no_other(database: Database) -> None:
    router = Router(ScriptedVenue([Listing("pool", "scripted", "RAY", "JUP", 1, amm(10**12, 10**12))]), lambda: NOW)
    largest, small = (
        open_order(database, OrderRequest("limit", "RAY", "JUP", amount_in, terms=Limit(min_out=1)))
        for amount_in in (U64_MAX, 1_000)
    )
    tick(watcher_on(PostgresOpenOrders(database), router, warn=pytest.fail))
    assert moved_by_the_last_tick(database)[0].keys() == {small.id}
    assert PostgresOrderStore(database).get(largest.id).status is Status.OPEN
