"""Solana's clusters. Each has a first block of its own: https://docs.anza.xyz/clusters/available"""

from __future__ import annotations

from order_engine.domain.markets import DEVNET, LOCALNET, MAINNET, TESTNET
from order_engine.solana.addresses import address

_GENESIS_HASHES = {
    address("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"): MAINNET,
    address("EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"): DEVNET,
    address("4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"): TESTNET,
}


def cluster_name(genesis_hash: str) -> str:
    """The market of the cluster whose first block has this hash, in base58: a localnet if it is not public.

    Raises `ValueError`.
    """
    return _GENESIS_HASHES.get(address(genesis_hash), LOCALNET)
