"""The DEXs on Solana as one venue: one call reads the pools of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from order_engine.dex.routing import Listing
from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.pools import RegisteredPool
from order_engine.domain.tokens import is_address
from order_engine.ports import PoolList, PoolRegistry
from order_engine.solana.addresses import address, encode
from order_engine.solana.pools import PoolAt, PoolReader
from order_engine.solana.programs.program import ProgramPool

_LABEL_CHARACTERS = 4
"""How much of an address tells it from others: a pool's from those of its kind and pair, and a mint's."""


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
    label = _label(id, read.program.kind, read.tokens)
    return Listing(id, read.program.venue, *read.tokens, read.slot, read.pool.state, label)


@lru_cache(maxsize=4096)
def _label(id: str, kind: str, tokens: tuple[str, str]) -> str:
    pair = "-".join(name[:_LABEL_CHARACTERS] if is_address(name) else name for name in tokens)
    return f"{kind.replace('_', '-')}:{pair}:{id[:_LABEL_CHARACTERS]}"
