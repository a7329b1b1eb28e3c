"""What can be traded on the market: its tokens, and its pools as they stand now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.dex.routing import Listing
from order_engine.dex.swaps import BPS
from order_engine.domain.errors import EngineError, InvalidRequest
from order_engine.domain.markets import MarketDescription
from order_engine.domain.pools import RegisteredPool
from order_engine.domain.tokens import TOKENS, Mint, Token, pool_token, tradable_token
from order_engine.ports import MintReader, PoolRegistry, RateLimit, TokenStore, Venue
from order_engine.services import rate_limiting

MAX_NAMED = 500
"""How many tokens without a symbol are listed."""

_SMALL = 10_000
"""The part of what a pool holds whose swap shows the pool's fee."""


class ListedToken(NamedTuple):
    """A token of the market, the address of its mint, and what that is on chain.

    There is no `mint` for a symbol of the simulated market, and no `facts` where the chain has no such mint.
    """

    token: Token
    mint: str | None
    facts: Mint | None

    @property
    def is_verified(self) -> bool:
        return self.token.symbol in TOKENS


class TokenList(NamedTuple):
    """Tokens, and whether these are all."""

    tokens: Sequence[ListedToken]
    complete: bool


class PoolState(NamedTuple):
    """A pool that the engine knows. It can be traded in if it has a `listing`; `problem` says why it can't.

    `fee_bps` is that of a small swap, in basis points; `None` if the pool can't make one.
    """

    known: RegisteredPool | Listing
    enabled: bool
    listing: Listing | None
    fee_bps: int | None
    problem: EngineError | None

    @property
    def address(self) -> str:
        return self.known.address if isinstance(self.known, RegisteredPool) else self.known.id

    @property
    def program(self) -> str:
        return self.known.program if isinstance(self.known, RegisteredPool) else self.known.pool.kind


class PoolStates(NamedTuple):
    """Pools as they were read at a time in Unix seconds, and by its name why each venue or other pool is missing."""

    pools: Sequence[PoolState]
    missing: Mapping[str, EngineError]
    read_at: float


class Listings:
    """`registry` has the pools on Solana; without one, the market's pools are those that its venue lists."""

    def __init__(
        self,
        *,
        market: MarketDescription,
        venue: Venue,
        registry: PoolRegistry | None,
        store: TokenStore,
        mints: MintReader,
        rate_limit: RateLimit,
    ) -> None:
        self._market = market
        self._venue = venue
        self._registry = registry
        self._store = store
        self._mints = mints
        self._rate_limit = rate_limit

    def tokens(self, client_id: UUID) -> TokenList:
        """The market's tokens with a symbol, and those that orders and quotes have named by their mints.

        Raises `RateLimited`, `VenueUnavailable`.
        """
        self._count(client_id)
        known, complete = self._known()
        addresses = {
            token: self._mints.addresses.get(token.symbol) if token.symbol in TOKENS else token.symbol
            for token in known
        }
        facts = self._mints.read(sorted({address for address in addresses.values() if address}))
        return TokenList(
            [ListedToken(token, address, facts.get(address or "")) for token, address in addresses.items()], complete
        )

    def pools(self, client_id: UUID, pair: tuple[str, str] | None) -> PoolStates:
        """The pools of a pair, or of all tokens that `tokens` lists, read once.

        Raises `InvalidRequest` for what is no token of the market, `RateLimited` and `VenueUnavailable`.
        """
        self._count(client_id)
        try:
            tokens = self._known()[0] if pair is None else [tradable_token(name) for name in pair]
        except ValueError as error:
            raise InvalidRequest([{"field": "tokenPair", "message": str(error)}]) from None
        names = sorted({pool_token(token.symbol) for token in tokens})
        registered = [] if self._registry is None else self._registry.all()
        read_at = time.time()
        listings, unusable, now = self._venue.pools(names)
        listed = {listing.id: listing for listing in listings}
        unlisted = {
            pool.address: pool
            for pool in registered
            if {pool.token_a, pool.token_b} <= {*names} and pool.address not in listed
        }
        failure = unusable.get(self._venue.name)
        pools = [
            PoolState(listing, True, listing, _fee_bps(listing.pool, now or int(read_at)), None) for listing in listings
        ] + [
            PoolState(pool, pool.enabled, None, None, unusable.get(address, failure if pool.enabled else None))
            for address, pool in unlisted.items()
        ]
        pools.sort(key=lambda pool: (pool.known.token_a, pool.known.token_b, pool.address))
        return PoolStates(pools, {name: error for name, error in unusable.items() if name not in unlisted}, read_at)

    def _known(self) -> tuple[list[Token], bool]:
        named = self._store.all(MAX_NAMED + 1)
        return [*(TOKENS[symbol] for symbol in self._market.tokens), *named[:MAX_NAMED]], len(named) <= MAX_NAMED

    def _count(self, client_id: UUID) -> None:
        """It asks the chain as a quote does, so it counts as one."""
        if limited := rate_limiting.refusal(self._rate_limit, client_id):
            raise limited


def _fee_bps(pool: Pool, now: int) -> int | None:
    for a_to_b in (True, False):
        amount = min(pool.depth(not a_to_b) // _SMALL, pool.max_input(a_to_b, now)) or 1
        try:
            swap = pool.quote(amount, a_to_b, now)
        except DexError:
            continue
        on_input = Fraction(swap.fee_in, swap.amount_in)
        on_output = Fraction(swap.fee_out, swap.amount_out + swap.fee_out)
        return round((on_input + on_output) * BPS)
    return None
