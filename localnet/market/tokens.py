"""The tokens of the market: mainnet's mints and decimals, and the prices at which the pools begin."""

from __future__ import annotations

from typing import NamedTuple

from solders.pubkey import Pubkey

from localnet.addresses import WRAPPED_SOL


class Token(NamedTuple):
    """An SPL token. One whole token is `10 ** decimals` base units and costs `micro_usd` millionths of a dollar.

    A stable token stays close to its price.
    """

    symbol: str
    mint: Pubkey
    decimals: int
    micro_usd: int
    stable: bool = False


TOKENS = {
    token.symbol: token
    for token in (
        Token("SOL", WRAPPED_SOL, 9, 170_000_000),
        Token("USDC", Pubkey.from_string("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6, 1_000_000, stable=True),
        Token("USDT", Pubkey.from_string("Es9vMFrzaCErmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"), 6, 999_800, stable=True),
        Token("RAY", Pubkey.from_string("4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"), 6, 2_400_000),
        Token("BONK", Pubkey.from_string("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"), 5, 20),
        Token("JUP", Pubkey.from_string("JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"), 6, 450_000),
        Token("mSOL", Pubkey.from_string("mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So"), 9, 221_000_000),
    )
}
"""The tokens by symbol. SOL is wrapped SOL here, which is what pools trade."""
