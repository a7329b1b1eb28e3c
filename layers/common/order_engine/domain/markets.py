"""The markets in which orders are executed: the simulated one, and the clusters of Solana."""

from __future__ import annotations

from dataclasses import dataclass

SIMULATED, LOCALNET, DEVNET, TESTNET, MAINNET = "Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"

CLUSTERS = {"localnet": LOCALNET, "devnet": DEVNET, "testnet": TESTNET, "mainnet-beta": MAINNET}
"""The markets on Solana, by the names of their clusters."""


@dataclass(frozen=True, slots=True)
class Explorer:
    """Where a browser finds a transaction and an account, with `{signature}` and `{address}` in the place of each."""

    transaction: str
    address: str


@dataclass(frozen=True, slots=True)
class MarketDescription:
    """The market as clients see it. The simulated market has no explorer and no wallet."""

    name: str
    explorer: Explorer | None = None
    wallet: str | None = None


def explorer(cluster: str, rpc_url: str) -> Explorer:
    """The public explorer of a cluster; a localnet has one of its own at its RPC's address."""
    if cluster == "localnet":
        base, query = rpc_url.rstrip("/"), ""
    else:
        base, query = "https://explorer.solana.com", "" if cluster == "mainnet-beta" else f"?cluster={cluster}"
    return Explorer(f"{base}/tx/{{signature}}{query}", f"{base}/address/{{address}}{query}")
