"""The accounts with which the market begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

from localnet.addresses import SYSTEM, TOKEN, WRAPPED_SOL
from localnet.market.accounts import mint_account, token_account
from localnet.market.lookup_table import LOOKUP_TABLE, lookup_table
from localnet.market.pools import market_pools
from localnet.market.tokens import TOKENS
from localnet.programs import tokens

_TRADERS_LAMPORTS = 10**15
_TRADERS_USD = 100_000_000
"""The dollars of each token that the other traders hold."""


def genesis(faucet: Pubkey, traders: Pubkey) -> Iterator[tuple[Pubkey, Account]]:
    """The mints, the pools with what belongs to them, the wallet of the other traders, and a lookup table.

    `faucet` may mint every token except wrapped SOL.
    """
    supplies: Counter[Pubkey] = Counter()
    pools = _pools()
    for key, account in (*pools.items(), *_wallet(traders)):
        if account.owner == TOKEN and (found := tokens.token_account(account)):
            supplies[found.mint] += found.amount
        yield key, account
    for token in TOKENS.values():
        if token.mint == WRAPPED_SOL:
            yield token.mint, mint_account(None, 0, token.decimals)
        else:
            yield token.mint, mint_account(faucet, supplies[token.mint], token.decimals)
    yield LOOKUP_TABLE, lookup_table({*pools, *(token.mint for token in TOKENS.values())})


def _pools() -> dict[Pubkey, Account]:
    # Pools share configs.
    return dict(entry for pool in market_pools() for entry in pool.accounts())


def _wallet(owner: Pubkey) -> Iterator[tuple[Pubkey, Account]]:
    yield owner, Account(_TRADERS_LAMPORTS, b"", SYSTEM)
    for token in TOKENS.values():
        amount = _TRADERS_USD * 1_000_000 * 10**token.decimals // token.micro_usd
        yield get_associated_token_address(owner, token.mint), token_account(token.mint, owner, amount)
