"""A lookup table of the market's addresses, which makes room for several swaps in a transaction."""

from __future__ import annotations

from collections.abc import Iterable

from solders.account import Account
from solders.pubkey import Pubkey

from localnet.addresses import LOOKUP_TABLES, TOKEN_2022
from localnet.market.accounts import owned
from localnet.programs import meteora_damm_v2, meteora_dlmm, raydium_amm_v4, raydium_cp

LOOKUP_TABLE, _ = Pubkey.find_program_address([b"market"], LOOKUP_TABLES)
"""The table's address, the same on every localnet. Nobody can change the table."""

MAX_ADDRESSES = 256

_DERIVED = (
    raydium_amm_v4.AUTHORITY,
    raydium_cp.AUTHORITY,
    meteora_damm_v2.AUTHORITY,
    meteora_damm_v2.EVENT_AUTHORITY,
    meteora_dlmm.EVENT_AUTHORITY,
    TOKEN_2022,
)
"""Addresses that every swap of a program names, and that are no accounts of the market."""


def lookup_table(addresses: Iterable[Pubkey]) -> Account:
    """The table of these addresses, and of those that the programs name in every swap.

    Its state, then the addresses: https://github.com/anza-xyz/solana-sdk, address-lookup-table-interface/src/state.rs.
    """
    state = (1).to_bytes(4, "little")  # a table, and no empty account
    state += (2**64 - 1).to_bytes(8, "little")  # never deactivated
    state += bytes(8 + 1)  # last extended in slot 0, from the first address on
    state += bytes(1 + 32 + 2)  # no authority, padding
    listed = sorted({*addresses, *_DERIVED}, key=bytes)
    if len(listed) > MAX_ADDRESSES:
        raise ValueError(f"expected at most {MAX_ADDRESSES} addresses, was {len(listed)}")
    return owned(LOOKUP_TABLES, state + b"".join(map(bytes, listed)))
