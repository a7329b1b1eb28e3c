"""What a transaction has room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from order_engine.dex.routing import Hop
from order_engine.domain.errors import ChainRefused
from order_engine.domain.quotes import PlannedSwap, Quote
from order_engine.solana.addresses import ADDRESS_BYTES, Address
from order_engine.solana.deployments import Deployment
from order_engine.solana.lookup_tables import LookupTables
from order_engine.solana.programs.program import ProgramPool
from order_engine.solana.transactions import draft

HOP_RESERVE_BPS = 25
"""What the first of two hops leaves of the input, so that its price may move before the transaction lands."""


class TransactionLimits:
    """The `Limits` of the wallet's transactions. `pool` returns the pool at an address, as it was listed."""

    hop_reserve_bps = HOP_RESERVE_BPS

    def __init__(
        self, wallet: Address, deployment: Deployment, pool: Callable[[str], ProgramPool], tables: LookupTables
    ) -> None:
        self._wallet = wallet
        self._deployment = deployment
        self._pool = pool
        self._tables = tables

    def fits(self, hops: Sequence[Hop]) -> bool:
        swaps = [
            PlannedSwap(
                leg.listing.venue,
                leg.listing.id,
                hop.token_in,
                hop.token_out,
                leg.swap.amount_in,
                leg.swap.amount_out,
            )
            for hop in hops
            for leg in hop.legs
        ]
        # Pools list wrapped SOL as SOL, which takes more instructions.
        tokens = hops[0].token_in, hops[-1].token_out
        quote = Quote(*tokens, hops[0].amount_in, hops[-1].amount_out, tuple(swaps), slot=0, expires_at=0)
        pools = {swap.pool: self._pool(swap.pool) for swap in swaps}
        swapping = draft(
            quote,
            0,
            UUID(int=0),
            wallet=self._wallet,
            deployment=self._deployment,
            pools=pools,
            rent=0,
            tables=self._tables.read(),
        )
        try:
            swapping.with_budget(0, 0).message(bytes(ADDRESS_BYTES))
        except ChainRefused:
            return False
        return True
