"""Tokens and pools that a user asks for while the localnet runs. The other traders do not know them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.state import Mint

from localnet.addresses import TOKEN, WRAPPED_SOL
from localnet.market.accounts import mint_account
from localnet.market.pools.meteora_damm_v2 import MeteoraDammV2Pool
from localnet.market.pools.meteora_dlmm import MeteoraDlmmPool
from localnet.market.pools.pool import MarketPool, Reserves
from localnet.market.pools.raydium_amm_v4 import RaydiumAmmV4Pool
from localnet.market.pools.raydium_clmm import Config, RaydiumClmmPool
from localnet.market.pools.raydium_cp import RaydiumCpPool
from localnet.market.tokens import Token
from localnet.programs.standin import Reader
from localnet.programs.tokens import token_account
from localnet.tokens import mint
from order_engine.dex.errors import DexError

PROGRAMS: Mapping[str, Callable[[Reserves], MarketPool]] = {
    "raydium_cp": lambda reserves: RaydiumCpPool(reserves, 0, 2_500),
    "raydium_amm_v4": RaydiumAmmV4Pool,
    "raydium_clmm": lambda reserves: RaydiumClmmPool(reserves, Config(2, 60, 2_500)),
    "meteora_dlmm": lambda reserves: MeteoraDlmmPool(reserves, 20),
    "meteora_damm_v2": lambda reserves: MeteoraDammV2Pool(reserves, 25),
}
"""How a pool of each program is made, with a fee of a quarter of a percent, or of 0.2 in DLMM's."""


class CreationError(Exception):
    """What was asked for can't be created. The message says why."""


def new_pool(program: str, new: Pubkey, paired: Token, amounts: tuple[int, int], read: Reader) -> dict[Pubkey, Account]:
    """The accounts of a pool of a mint and a token of the market, with these base units of each: the pool's is first.

    Its tokens are minted for it. Raises `CreationError`.
    """
    account = read(new)
    found = mint(account) if account and account.owner == TOKEN else None
    if found is None:
        raise CreationError(f"expected a mint of the token program, was {new}")
    tokens = Token(str(new), new, found.decimals, 0), paired
    if new == paired.mint:
        raise CreationError(f"expected another mint than that of {paired.symbol}")
    reserves = Reserves(tokens, amounts)
    # These programs order their tokens, and so must their pools.
    if program in ("raydium_cp", "raydium_clmm") and bytes(new) > bytes(paired.mint):
        reserves = Reserves(tokens[::-1], amounts[::-1])
    pool = PROGRAMS[program](reserves)
    if read(pool.address) is not None:
        raise CreationError(f"expected no pool of {program} for this pair yet, was {pool.address}")
    try:
        accounts = dict(pool.accounts())
    except (ArithmeticError, DexError, ValueError) as error:
        raise CreationError(f"expected amounts that a pool of {program} can hold, was {amounts}: {error}") from None
    # Pools share configs.
    missing = {key: account for key, account in accounts.items() if read(key) is None}
    return {pool.address: missing.pop(pool.address), **missing, **_minted(accounts, read)}


def _minted(accounts: Mapping[Pubkey, Account], read: Reader) -> dict[Pubkey, Account]:
    """The mints of what these accounts hold, whose supply includes it."""
    supplies: Counter[Pubkey] = Counter()
    for account in accounts.values():
        if account.owner == TOKEN and (held := token_account(account)) and held.mint != WRAPPED_SOL:
            supplies[held.mint] += held.amount
    minted = {}
    for key, amount in supplies.items():
        found = read(key)
        if found is not None:
            before = Mint.from_bytes(found.data)
            supply = before.supply + amount
            minted[key] = mint_account(before.mint_authority, supply, before.decimals, before.freeze_authority)
    return minted
