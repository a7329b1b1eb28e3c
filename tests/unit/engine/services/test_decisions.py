"""The record of the routes that were compared."""

from __future__ import annotations

from order_engine.dex.routing import Listing, Paths
from order_engine.services.decisions import decide
from order_engine.simulation.pools import pool_settings


def test_the_fees_of_a_route_are_basis_points_of_its_amounts() -> None:
    listings = [Listing(one.id, one.venue, one.token_a, one.token_b, 1, one.pool) for one in pool_settings()]
    decision = decide(Paths(listings, "SOL", "USDC", 0, 5_000).routes(5_000_000_000_000), 5_000_000_000_000, {})
    fees = {candidate.name: candidate.fee_bps for candidate in decision.candidates}

    # These two charge a quarter of a per cent of the input.
    assert fees["raydium-amm:SOL-USDC"] == fees["raydium-cp:SOL-USDC"] == 25
    (split,) = (pools for pools in fees if "+" in pools and ">" not in pools)
    alone = [fees[pool] for pool in split.split("+")]
    assert min(alone) < fees[split] < max(alone)
    # Each hop charges a fee.
    (hops,) = (pools for pools in fees if ">" in pools)
    assert fees[hops] > max(alone)
