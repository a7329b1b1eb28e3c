"""Tokens and pools that an operator makes on the simulated market. The other traders do not know them."""

from __future__ import annotations

from decimal import Decimal

from order_engine.dex.errors import DexError
from order_engine.dex.pool import load
from order_engine.domain.money import U64_MAX, at_price
from order_engine.domain.tokens import Mint, Token
from order_engine.ports import Database
from order_engine.simulation.base58 import random_base58
from order_engine.simulation.mints import SimulatedMints
from order_engine.simulation.pools import NEW_POOLS, PoolSetting, Reserves
from order_engine.simulation.schema import create_pools


def create_mint(
    database: Database, decimals: int, *, can_freeze: bool = False, extensions: tuple[str, ...] = ()
) -> str:
    """Makes a token without a pool. Returns its mint. Raises `ValueError`."""
    if not 0 <= decimals <= 18:
        raise ValueError(f"expected decimals from 0 to 18, was {decimals}")
    address = random_base58(32)
    SimulatedMints(database).add(Mint(Token(address, decimals), can_freeze, extensions))
    return address


def create_pool(database: Database, mint: str, paired: Token, price: Decimal, liquidity: int, kind: str) -> str:
    """Makes a pool that holds `liquidity` base units of `paired`, and as much of the mint at `price`. Returns its id.

    `price` is in whole `paired` for one whole token of the mint. Raises `ValueError`, and `NotAMint`.
    """
    token = SimulatedMints(database).facts(mint).token
    amount = int(liquidity / at_price(1, price, token, paired))
    if not 0 < amount <= U64_MAX:
        raise ValueError(f"expected a price at which the pool holds 1 to {U64_MAX} base units, was {price}")
    venue, make = NEW_POOLS[kind]
    try:
        # As every reader of the stored pool does.
        pool = load(kind, make(Reserves(amount, liquidity)).to_json())
    except (ArithmeticError, DexError, ValueError) as error:
        raise ValueError(
            f"expected amounts that a pool of {kind} can hold, was {amount} and {liquidity}: {error}"
        ) from None
    id = f"{venue}-{kind.split('_')[1]}:{mint}-{paired.symbol}"
    if not create_pools(database, [PoolSetting(id, venue, mint, paired.symbol, pool)]):
        raise ValueError(f"expected no pool {id} yet, was one")
    return id
