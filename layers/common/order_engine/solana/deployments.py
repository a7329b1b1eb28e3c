"""The tokens and the DEXs' programs that each cluster has.

Sources: DEVNET_PROGRAM_ID in raydium-io/raydium-sdk-V2, src/common/programId.ts, and `declare_id!` in raydium-cp-swap,
raydium-amm and raydium-clmm; https://docs.meteora.ag/developer-guides for Meteora, whose programs have the same ids on
devnet; https://developers.circle.com/stablecoins/usdc-contract-addresses for USDC on devnet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

from order_engine.domain.errors import NoRoute
from order_engine.domain.markets import DEVNET, LOCALNET, MAINNET, TESTNET
from order_engine.domain.tokens import is_address, pool_token
from order_engine.solana.addresses import WRAPPED_SOL, Address, address, encode
from order_engine.solana.programs.meteora_damm_v2 import DammV2
from order_engine.solana.programs.meteora_dlmm import Dlmm
from order_engine.solana.programs.program import Program
from order_engine.solana.programs.raydium_amm_v4 import AmmV4
from order_engine.solana.programs.raydium_clmm import Clmm
from order_engine.solana.programs.raydium_cp import CpSwap

_SOL = dict.fromkeys(("SOL", "wSOL"), encode(WRAPPED_SOL))
_MINTS = {
    MAINNET: {
        **_SOL,
        "USDC": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
        "USDT": "Es9vMFrzaCErmJfrF4H2FYD4KCoNkY11McCe8BenwNYB",
        "RAY": "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R",
        "BONK": "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263",
        "JUP": "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN",
        "mSOL": "mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So",
    },
    DEVNET: {**_SOL, "USDC": "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"},
    TESTNET: _SOL,
}

_METEORA: dict[Callable[[Address], Program], str] = {
    Dlmm: "LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo",
    DammV2: "cpamdpZCGKUy5JxQXB4dcpGPiikHawvSWAd6mEn1sGG",
}
_PROGRAMS: dict[str, dict[Callable[[Address], Program], str]] = {
    MAINNET: {
        CpSwap: "CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C",
        AmmV4: "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8",
        Clmm: "CAMMCzo5YL8w4VFF8KVHrK22GGUsp5VTaW7grrKgrWqK",
        **_METEORA,
    },
    DEVNET: {
        CpSwap: "DRaycpLY18LhpbydsBWbVJtxpNv9oXPgjRSfpF2bWpYb",
        AmmV4: "DRaya7Kj3aMWQSy19kSjvmuwq9docCHofyP9kanQGaav",
        Clmm: "DRayAUgENGQBKVaX8owNhgzkEDyoHTGVEGHVJT1E9pfH",
        **_METEORA,
    },
    TESTNET: {},
}


class Deployment(NamedTuple):
    """What the cluster of a market has: mints by the symbols of tokens, and programs by their ids.

    `symbols` are those of the mints, as pools trade them.
    """

    market: str
    mints: Mapping[str, Address]
    symbols: Mapping[Address, str]
    programs: Mapping[Address, Program]

    def mint(self, symbol: str) -> Address:
        """The mint of a token, whose symbol may be its address.

        Raises `NoRoute` for a token with a symbol that the cluster does not have.
        """
        known = self.mints.get(symbol)
        if known is not None:
            return known
        if not is_address(symbol):
            raise NoRoute(f"{symbol} has no mint on {self.market}")
        return address(symbol)

    def symbol(self, mint: Address) -> str:
        """The symbol under which pools trade the token of a mint: the mint's address, if it has no other one."""
        return self.symbols.get(mint) or encode(mint)


@cache
def deployment(market: str) -> Deployment:
    """What there is on the cluster of a market on Solana. A localnet has what mainnet has."""
    cluster = MAINNET if market == LOCALNET else market
    mints = {symbol: address(mint) for symbol, mint in _MINTS[cluster].items()}
    programs = [program(address(id)) for program, id in _PROGRAMS[cluster].items()]
    symbols = {mint: pool_token(symbol) for symbol, mint in mints.items()}
    return Deployment(market, mints, symbols, {program.id: program for program in programs})
