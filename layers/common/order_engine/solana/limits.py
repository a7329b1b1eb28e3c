"""What a transaction has room for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from uuid import UUID

from order_engine.dex.routing import Hop
from order_engine.domain.errors import ChainRefused
from order_engine.domain.quotes import PlannedSwap, Quote
from order_engine.solana.addresses import ADDRESS_BYTES
from order_engine.solana.deployments import Deployment
from order_engine.solana.lookup_tables import LookupTables
from order_engine.solana.programs.program import ProgramPool, Trader
from order_engine.solana.transactions import draft

HOP_RESERVE_BPS = 25
"""What the first of two hops leaves of the input, so that its price may move before the transaction lands."""

MAX_ANSWERS = 256
"""Answers to keep: more than the routes of an environment's pairs, and at most a few megabytes."""


_WALLET = bytes(range(1, ADDRESS_BYTES + 1))
"""Stands for any wallet: a transaction names it and its accounts once, whatever their addresses."""


class TransactionLimits:
    """The `Limits` of transactions, which are the same for every wallet.

    `pool` returns the pool at an address, as it was listed.
    """

    hop_reserve_bps = HOP_RESERVE_BPS

    def __init__(self, deployment: Deployment, pool: Callable[[str], ProgramPool], tables: LookupTables) -> None:
        self._deployment = deployment
        self._pool = pool
        self._tables = tables
        self._answers: dict[Hashable, bool] = {}

    def fits(self, hops: Sequence[Hop]) -> bool:
        shape = tuple(self._shapes(hops))
        answer = self._answers.get(shape)
        if answer is None:
            answer = self._compiles(hops)
            if len(self._answers) == MAX_ANSWERS:
                self._answers.clear()
            self._answers[shape] = answer
        return answer

    def _shapes(self, hops: Sequence[Hop]) -> Iterator[Hashable]:
        """All of each swap that the transaction's size depends on: amounts take as many bytes whatever they are."""
        for hop in hops:
            mint_in, mint_out = self._deployment.mint(hop.token_in), self._deployment.mint(hop.token_out)
            # The mints stand for the wallet's accounts for them.
            trader = Trader(_WALLET, mint_in, mint_out)
            for leg in hop.legs:
                pool, amount_in, amount_out = self._pool(leg.listing.id), leg.swap.amount_in, leg.swap.amount_out
                a_to_b = pool.mints[0] == mint_in
                if hop.token_out == hops[-1].token_out:
                    call = pool.swap(trader, a_to_b, amount_in, amount_out)
                else:
                    call = pool.swap_exact_out(trader, a_to_b, amount_out, amount_in)
                yield hop.token_in, hop.token_out, pool.mints, pool.token_programs, call.program, call.accounts

    def _compiles(self, hops: Sequence[Hop]) -> bool:
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
            wallet=_WALLET,
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
