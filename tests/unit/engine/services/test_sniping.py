"""Orders that wait for a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.routing import Listing
from order_engine.domain.errors import NotAMint, VenueUnavailable
from order_engine.domain.events import Activated, Activation, Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Sniper
from order_engine.domain.tokens import Mint, Token, learn
from order_engine.ports import PoolList
from order_engine.services.routing import Router
from order_engine.services.sniping import SEARCH_SECONDS, Sniping
from order_engine.services.starting import Starting
from tests.support.fakes import FakeOrderQueue
from tests.support.waiting import FakeOpenOrders

MINT = "So1snipedMint1111111111111111111111111111111"
USDC = 10**6
SAFE = Mint(Token(MINT, 6))


@dataclass
class Scene:
    """A market in which a pool of `MINT` holds `held` base units of USDC, and as many of the token."""

    held: int = 0
    mint: Mint = SAFE
    orders: FakeOpenOrders = field(default_factory=FakeOpenOrders)
    searched: list[tuple[str, str]] = field(default_factory=list)
    published: list[Event] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    down: bool = False
    takes: float = 0
    name: str = "simulated"

    def __post_init__(self) -> None:
        learn(self.mint.token)
        starting = Starting(
            open_orders=self.orders, publish=self.publish, queue=FakeOrderQueue(), warn=self.warnings.append
        )
        self.sniping = Sniping(
            open_orders=self.orders,
            mints=lambda: self,
            find_pools=self.find_pools,
            starting=starting,
            warn=self.warnings.append,
            now=lambda: self.orders.now,
        )

    def pools(self, tokens: Sequence[str]) -> PoolList:
        pool = RaydiumAmmV4(self.held, self.held, 0, 1)
        return PoolList([Listing("pool", "raydium", MINT, "USDC", 7, pool)] if self.held else [], {})

    def facts(self, mint: str) -> Mint:
        if self.down:
            raise NotAMint(f"expected a mint, was {mint}, where nothing is")
        return self.mint

    def find_pools(self, token: str, paid_with: str, seconds: float) -> None:
        if self.down:
            raise VenueUnavailable("no answer")
        self.searched.append((token, paid_with))
        self.orders.now += self.takes

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        self.published += events

    def reached(self, order: Order) -> Activation | None:
        return self.sniping.reached(order, Router(self).read(("USDC", MINT)))


def sniper(min_liquidity: int = 1_000 * USDC, max_price: str | None = None, **terms: Any) -> OrderRequest:
    wanted = Sniper(min_liquidity, Decimal(max_price) if max_price else None, **terms)
    return OrderRequest("sniper", "USDC", MINT, 10 * USDC, terms=wanted)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_order_runs_once_a_pool_holds_enough(scene: Scene) -> None:
    order = scene.orders.add(sniper())
    for scene.held in (0, 999 * USDC):
        assert scene.reached(order) is None
    scene.held = 1_000 * USDC
    assert scene.reached(order) == Activation(Activated.POOL_FOUND, 9_900_990, 7)


def test_an_order_runs_only_within_its_price(scene: Scene) -> None:
    """GIVEN a pool that asks for 1.01 USDC for one token, its own price impact included."""
    scene.held = 1_000 * USDC
    prices = {price: scene.reached(scene.orders.add(sniper(max_price=price))) for price in ("1.009", "1.011")}
    assert [price for price, activation in prices.items() if activation] == ["1.011"]


@pytest.mark.parametrize(
    ("mint", "allowed"),
    [
        (SAFE._replace(has_freeze_authority=True), {"allow_freeze_authority": True}),
        (SAFE._replace(extensions=("transferHook",)), {"allow_extensions": True}),
    ],
)
def test_a_risky_mint_is_refused_unless_it_is_allowed(scene: Scene, mint: Mint, allowed: dict[str, Any]) -> None:
    scene.held, scene.mint = 1_000 * USDC, mint
    refused, bought = scene.orders.add(sniper()), scene.orders.add(sniper(**allowed))
    assert scene.reached(refused) is None
    assert scene.orders.status(refused) is Status.FAILED
    assert [event.data for event in scene.published] == [{"code": "RiskyMint"}]
    assert scene.reached(bought) is not None


def test_what_is_no_mint_any_more_is_refused(scene: Scene) -> None:
    scene.held, scene.down = 1_000 * USDC, True
    order = scene.orders.add(sniper())
    assert scene.reached(order) is None
    assert scene.published[0].data == {"code": "NotAMint"}


def test_a_mint_is_only_asked_for_once_there_is_something_to_buy(scene: Scene) -> None:
    scene.down = True
    order = scene.orders.add(sniper())
    assert scene.reached(order) is None
    assert scene.orders.status(order) is Status.OPEN


def test_the_pools_of_a_token_are_searched_every_few_seconds(scene: Scene) -> None:
    orders = [scene.orders.add(sniper()) for _ in range(2)]
    for second in range(11):
        scene.orders.now = second
        scene.sniping.search(orders, 2)
    assert len(scene.searched) == 11 // SEARCH_SECONDS + 1
    assert set(scene.searched) == {(MINT, "USDC")}


def test_a_search_ends_in_time_and_the_next_one_goes_on(scene: Scene) -> None:
    orders = [scene.orders.add(sniper())._replace(token_out=token) for token in ("A", "B", "C")]
    scene.takes = 1.5
    scene.sniping.search(orders, 2)
    assert scene.searched == [("A", "USDC"), ("B", "USDC")]
    scene.sniping.search(orders, 2)
    assert scene.searched[2:] == [("C", "USDC")]


def test_while_no_node_answers_pools_stay_unknown(scene: Scene) -> None:
    scene.down = True
    scene.sniping.search([scene.orders.add(sniper())], 2)
    assert scene.warnings == [f"pools of {MINT} are not known: no answer"]
