from __future__ import annotations

import pytest

from order_engine.domain.errors import NoRoute
from order_engine.domain.markets import DEVNET, MarketDescription, explorer

NODE = "https://someone:password@node.example/v2/0123456789abcdef?api-key=fedcba9876543210"


@pytest.mark.parametrize(
    ("cluster", "transaction"),
    [
        ("mainnet-beta", "https://explorer.solana.com/tx/{signature}"),
        ("devnet", "https://explorer.solana.com/tx/{signature}?cluster=devnet"),
        ("testnet", "https://explorer.solana.com/tx/{signature}?cluster=testnet"),
    ],
)
def test_a_public_cluster_has_a_public_explorer(cluster: str, transaction: str) -> None:
    found = explorer(cluster, NODE)
    assert found is not None
    assert found.transaction == transaction
    assert found.address == transaction.replace("/tx/{signature}", "/address/{address}")


@pytest.mark.parametrize(
    ("rpc_url", "base"),
    [
        ("http://127.0.0.1:8899", "http://127.0.0.1:8899"),
        ("http://[::1]:8899/", "http://[::1]:8899"),
        ("http://127.0.0.1:8899, http://127.0.0.1:8900", "http://127.0.0.1:8899"),
        (NODE, "https://node.example"),
    ],
)
def test_a_localnet_has_its_own_explorer_and_shows_nothing_else_of_its_url(rpc_url: str, base: str) -> None:
    found = explorer("localnet", rpc_url)
    assert found is not None
    assert found.transaction == f"{base}/tx/{{signature}}"
    assert found.address == f"{base}/address/{{address}}"


def test_a_localnet_whose_url_is_a_secret_has_no_explorer() -> None:
    assert explorer("localnet", "arn:aws:secretsmanager:us-east-1:123456789012:secret:node-AbCdEf") is None


def test_a_market_has_its_own_tokens_and_any_that_goes_by_its_mint() -> None:
    devnet = MarketDescription(DEVNET, tokens=["SOL", "wSOL", "USDC"])
    devnet.check_tokens("SOL", "USDC", "7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs")
    with pytest.raises(NoRoute, match="^RAY has no mint on Devnet$"):
        devnet.check_tokens("SOL", "RAY")
