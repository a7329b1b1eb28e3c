"""The DEXs on Solana as one venue: one call reads the pools of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from order_engine.dex.routing import Listing
from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.pools import RegisteredPool
from order_engine.ports import PoolList, PoolRegistry
from order_engine.solana.addresses import address, encode
from order_engine.solana.pools import PoolAt, PoolReader
from order_engine.solana.programs.program import ProgramPool

_LABEL_CHARACTERS = 4
"""How much of a pool's address tells it from the others of its kind and pair."""


class SolanaVenue:
    """A `Venue`, whose listings name the DEX that each pool belongs to. `warn` logs what harms no quote."""

    name = "solana"

    def __init__(self, registry: PoolRegistry, reader: PoolReader, warn: Callable[[str], None]) -> None:
        self._registry = registry
        self._reader = reader
        self._warn = warn
        self._last: dict[str, ProgramPool] = {}

    def pools(self, tokens: Sequence[str]) -> PoolList:
        registered = self._registry.enabled(tokens)
        known = {address(pool.address): [*map(address, pool.companions)] for pool in registered}
        found, unusable, now = self._reader.read(known)
        self._last = {id: read.pool for id, read in found.items()}
        for pool in registered:
            if pool.address in found:
                self._keep_companions(pool, found[pool.address])
        return PoolList([_listing(id, read) for id, read in found.items()], unusable, now)

    def last(self, id: str) -> ProgramPool:
        """The pool at an address, as the last call of `pools` has read it."""
        return self._last[id]

    def _keep_companions(self, known: RegisteredPool, read: PoolAt) -> None:
        """Spares the next quote the second call."""
        companions = tuple(map(encode, read.companions))
        if companions == known.companions:
            return
        try:
            self._registry.set_companions(known.address, companions)
        except StoreUnavailable as error:
            self._warn(f"the companions of pool {known.address} are not stored: {error}")


def _listing(id: str, read: PoolAt) -> Listing:
    token_a, token_b = read.tokens
    label = f"{read.program.kind.replace('_', '-')}:{token_a}-{token_b}:{id[:_LABEL_CHARACTERS]}"
    return Listing(id, read.program.venue, token_a, token_b, read.slot, read.pool.state, label)
