"""Runs that claim and release orders."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from order_engine.domain.lifecycle import Status, Trigger
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import at_once, eventually
from tests.support.network import UnreliableLine
from tests.support.orders import LEASE, NOT_RUNNING, RUN, brought_to, claimed, new_order

Connect = Callable[[], Database]


def test_a_claimed_order_belongs_to_one_run(orders: PostgresOrderStore) -> None:
    order = new_order(orders)
    claim = orders.claim(order.id, "run-1", LEASE)
    assert claim is not None
    assert (claim.id, claim.run, claim.status) == (order.id, "run-1", Status.PENDING)
    assert orders.claim(order.id, "run-2", LEASE) is None
    assert orders.get(order.id).run == "run-1"


def test_a_run_may_claim_its_own_order_again(orders: PostgresOrderStore) -> None:
    order = claimed(orders)
    again = orders.claim(order.id, RUN, LEASE)
    assert again is not None
    assert again.run == RUN


def test_an_order_counts_its_runs(orders: PostgresOrderStore) -> None:
    """Each once, however often it claims the order; also one that returned it."""
    order = new_order(orders)
    assert order.runs == 0
    counted = []
    for run in ("run-1", "run-1", "run-2"):
        claim = orders.claim(order.id, run, LEASE)
        assert claim is not None
        counted.append(claim.runs)
        orders.release(order.id, run)
    assert orders.move(order.id, "run-2", Trigger.RETURN, 1, {}) is not None
    assert (counted, orders.get(order.id).runs) == ([1, 1, 2], 2)


def test_another_run_may_claim_an_order_whose_lease_lapsed(orders: PostgresOrderStore) -> None:
    order = new_order(orders)
    assert orders.claim(order.id, "run-1", 0.05) is not None
    eventually(lambda: orders.claim(order.id, "run-2", LEASE))
    assert orders.get(order.id).run == "run-2"


def test_another_run_may_claim_a_released_order(orders: PostgresOrderStore) -> None:
    order = claimed(orders)
    orders.release(order.id, RUN)
    claim = orders.claim(order.id, "run-2", LEASE)
    assert claim is not None
    assert claim.run == "run-2"


def test_a_run_releases_only_its_own_order(orders: PostgresOrderStore) -> None:
    order = claimed(orders)
    orders.release(order.id, "run-2")
    assert orders.claim(order.id, "run-2", LEASE) is None


@pytest.mark.parametrize("status", NOT_RUNNING)
def test_an_order_that_has_ended_or_is_open_can_not_be_claimed(orders: PostgresOrderStore, status: Status) -> None:
    order = brought_to(orders, status)
    orders.release(order.id, RUN)
    assert orders.claim(order.id, RUN, LEASE) is None
    assert orders.claim(order.id, "run-2", LEASE) is None
    assert orders.renew(order.id, RUN) is None


def test_a_run_renews_its_lease(orders: PostgresOrderStore) -> None:
    """Even one that is over, unless another run has claimed the order since."""
    order = claimed(orders)
    orders.release(order.id, RUN)
    renewed = orders.renew(order.id, RUN)
    assert renewed is not None
    assert renewed.run == RUN
    assert orders.claim(order.id, "run-2", LEASE) is None


def test_a_run_that_lost_its_order_does_not_take_it_back(orders: PostgresOrderStore) -> None:
    order = claimed(orders)
    orders.release(order.id, RUN)
    assert orders.claim(order.id, "run-2", LEASE) is not None
    orders.release(order.id, "run-2")
    assert orders.renew(order.id, RUN) is None
    assert orders.get(order.id).run == "run-2"


def test_an_unknown_order_can_not_be_claimed(orders: PostgresOrderStore) -> None:
    assert orders.claim(uuid4(), RUN, LEASE) is None


def test_one_of_many_concurrent_claims_succeeds(orders: PostgresOrderStore, connect: Connect) -> None:
    order = new_order(orders)
    stores = [PostgresOrderStore(connect()) for _ in range(10)]
    claims = at_once(10, lambda n: stores[n].claim(order.id, f"run-{n}", LEASE))
    (winner,) = [claim for claim in claims if claim is not None]
    assert orders.get(order.id).run == winner.run


def test_a_claim_whose_response_was_lost_succeeds(
    distant: PostgresOrderStore, line: UnreliableLine, orders: PostgresOrderStore
) -> None:
    order = new_order(orders)
    line.lose_next_answer()
    claim = distant.claim(order.id, RUN, LEASE)
    assert line.lost == 1
    assert claim is not None
    assert (claim.run, claim.runs) == (RUN, 1)
