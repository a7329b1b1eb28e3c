"""The markets in which orders are executed: the simulated one, and the clusters of Solana."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from order_engine.domain.errors import NoRoute
from order_engine.domain.tokens import TOKENS

SIMULATED, LOCALNET, DEVNET, TESTNET, MAINNET = "Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"

CLUSTERS = {"localnet": LOCALNET, "devnet": DEVNET, "testnet": TESTNET, "mainnet-beta": MAINNET}
"""The markets on Solana, by the names of their clusters."""


class Explorer(NamedTuple):
    """Where a browser finds a transaction and an account, with `{signature}` and `{address}` in the place of each."""

    transaction: str
    address: str


class MarketDescription(NamedTuple):
    """The market as clients see it. The simulated market has no explorer and no wallet, and all tokens."""

    name: str
    explorer: Explorer | None = None
    wallet: str | None = None
    tokens: Sequence[str] = tuple(TOKENS)

    @property
    def is_keyless(self) -> bool:
        """Whether only clients can sign."""
        return self.wallet is None and self.name != SIMULATED

    def check_tokens(self, *symbols: str) -> None:
        """Raises `NoRoute` for a token with a symbol that the market does not have."""
        for symbol in symbols:
            if symbol in TOKENS and symbol not in self.tokens:
                raise NoRoute(f"{symbol} has no mint on {self.name}")


SIMULATED_MARKET = MarketDescription(SIMULATED)


def explorer(cluster: str, rpc_url: str) -> Explorer | None:
    """The public explorer of a cluster, or that of a localnet, at the host and port of its first RPC URL.

    Clients see it, and the rest of the URL may be a key. `None` for a localnet whose URL is a secret.
    """
    if cluster != "localnet":
        query = "" if cluster == "mainnet-beta" else f"?cluster={cluster}"
        return _explorer("https://explorer.solana.com", query)
    parts = urlsplit(rpc_url.split(",")[0].strip())
    return _explorer(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}") if parts.netloc else None


def _explorer(base: str, query: str = "") -> Explorer:
    return Explorer(f"{base}/tx/{{signature}}{query}", f"{base}/address/{{address}}{query}")
