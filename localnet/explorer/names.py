"""What addresses and instructions are called, where that is known."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from solders.pubkey import Pubkey

from localnet.addresses import ASSOCIATED_TOKEN, COMPUTE_BUDGET, MEMO, SYSTEM, TOKEN, TOKEN_2022, TOKEN_PROGRAMS
from localnet.dex_programs import PROGRAMS, RAYDIUM_AMM_V4
from localnet.market.pools import market_pools
from localnet.market.tokens import TOKENS

_DEXS = {
    "raydium_cp": "Raydium CP-Swap",
    "raydium_amm_v4": "Raydium AMM v4",
    "raydium_clmm": "Raydium CLMM",
    "meteora_dlmm": "Meteora DLMM",
    "meteora_damm_v2": "Meteora DAMM v2",
}
_SYSTEM_INSTRUCTIONS = (
    "Create account",
    "Assign",
    "Transfer",
    "Create account with seed",
    "Advance nonce account",
    "Withdraw nonce account",
    "Initialize nonce account",
    "Authorize nonce account",
    "Allocate",
    "Allocate with seed",
    "Assign with seed",
    "Transfer with seed",
)
_TOKEN_INSTRUCTIONS = (
    "Initialize mint",
    "Initialize account",
    "Initialize multisig",
    "Transfer",
    "Approve",
    "Revoke",
    "Set authority",
    "Mint to",
    "Burn",
    "Close account",
    "Freeze account",
    "Thaw account",
    "Transfer checked",
    "Approve checked",
    "Mint to checked",
    "Burn checked",
    "Initialize account 2",
    "Sync native",
    "Initialize account 3",
    "Initialize multisig 2",
    "Initialize mint 2",
    "Get account data size",
    "Initialize immutable owner",
)
_CHECKED = {12: 1, 13: 1, 14: 0, 15: 1}
"""Those that are given the mint, and its place among their accounts."""
_ASSOCIATED_TOKEN_INSTRUCTIONS = ("Create", "Create idempotent", "Recover nested")
_COMPUTE_BUDGET_INSTRUCTIONS = {
    1: "Request heap frame",
    2: "Set compute unit limit",
    3: "Set compute unit price",
    4: "Set loaded accounts data size limit",
}
_AMM_V4_INSTRUCTIONS = {9: "Swap base in", 11: "Swap base out", 16: "Swap base in v2", 17: "Swap base out v2"}


class Names:
    """The names of addresses. Those of `others` are added."""

    def __init__(self, others: dict[Pubkey, str]) -> None:
        self._names = {
            SYSTEM: "System program",
            TOKEN: "Token program",
            TOKEN_2022: "Token-2022 program",
            ASSOCIATED_TOKEN: "Associated token account program",
            COMPUTE_BUDGET: "Compute budget program",
            MEMO: "Memo program",
            **{program.id: _DEXS[program.name] for program in PROGRAMS},
            **{token.mint: f"{symbol} mint" for symbol, token in TOKENS.items()},
            **others,
        }
        for pool in market_pools():
            name = f"{_DEXS[pool.kind]} {'/'.join(pool.symbols)}"
            self._names[pool.address] = f"{name} pool"
            for vault, symbol in zip(pool.vaults, pool.symbols, strict=True):
                self._names[vault] = f"{name} {symbol} vault"

        self._symbols = {token.mint: symbol for symbol, token in TOKENS.items()}

    def get(self, address: Pubkey) -> str | None:
        return self._names.get(address)

    def symbol(self, mint: Pubkey) -> str | None:
        return self._symbols.get(mint)


class Described(NamedTuple):
    """An instruction's name, and what is worth saying of its arguments."""

    name: str
    details: str = ""


def describe(program: Pubkey, accounts: Sequence[Pubkey], data: bytes, said: str | None, names: Names) -> Described:
    """`said` is the name that the program itself has logged for the instruction, if any."""
    tag = data[0] if data else None
    if program == SYSTEM and len(data) >= 4:
        return _system(data)
    if program in TOKEN_PROGRAMS and tag is not None:
        return _token(tag, accounts, data, names)
    if program == ASSOCIATED_TOKEN:
        return Described(_nth(_ASSOCIATED_TOKEN_INSTRUCTIONS, tag or 0))
    if program == COMPUTE_BUDGET and tag is not None:
        value = int.from_bytes(data[1:9], "little")
        units = {2: "units", 3: "micro-lamports"}.get(tag, "bytes")
        return Described(_COMPUTE_BUDGET_INSTRUCTIONS.get(tag, f"Instruction {tag}"), f"{value:,} {units}")
    if program == MEMO:
        return Described("Memo", data.decode(errors="replace"))
    if program == RAYDIUM_AMM_V4.id and tag in _AMM_V4_INSTRUCTIONS:
        return Described(_AMM_V4_INSTRUCTIONS[tag])
    return Described(said or "Instruction")


def _system(data: bytes) -> Described:
    tag = int.from_bytes(data[:4], "little")
    name = _nth(_SYSTEM_INSTRUCTIONS, tag)
    if tag in (0, 2) and len(data) >= 12:
        return Described(name, f"{decimal(int.from_bytes(data[4:12], 'little'), 9)} SOL")
    return Described(name)


def _token(tag: int, accounts: Sequence[Pubkey], data: bytes, names: Names) -> Described:
    name = _nth(_TOKEN_INSTRUCTIONS, tag)
    if tag in _CHECKED and len(data) >= 10:
        amount, decimals = struct.unpack_from("<QB", data, 1)
        symbol = names.symbol(accounts[_CHECKED[tag]]) if len(accounts) > _CHECKED[tag] else None
        return Described(name, decimal(amount, decimals) + (f" {symbol}" if symbol else ""))
    if tag in (3, 4, 7, 8) and len(data) >= 9:
        return Described(name, f"{int.from_bytes(data[1:9], 'little'):,} base units")
    return Described(name)


def decimal(amount: int, decimals: int) -> str:
    """Base units as whole ones, with thousands set apart."""
    sign, amount = ("−" if amount < 0 else ""), abs(amount)
    whole, fraction = divmod(amount, 10**decimals)
    digits = f"{fraction:0{decimals}d}".rstrip("0") if decimals else ""
    return f"{sign}{whole:,}" + (f".{digits}" if digits else "")


def _nth(names: tuple[str, ...], tag: int) -> str:
    return names[tag] if tag < len(names) else f"Instruction {tag}"
