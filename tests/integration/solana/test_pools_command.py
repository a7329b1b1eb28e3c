"""`python -m order_engine.commands.pools`"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from solders.pubkey import Pubkey

from localnet.commands import call, create_pool
from localnet.market.pools import market_pools
from order_engine.storage.database import Database
from order_engine.storage.pools import PostgresPoolRegistry
from tests.support.network import closed_port
from tests.support.solana_node import Refusal, fake_node
from tests.support.stack import LAYER

POOL = market_pools()[0]

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(database_url: str, url: str) -> Command:
    """Runs the command. `settings` replace environment variables."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(LAYER),
            "DATABASE_URL": database_url,
            "SOLANA_RPC_URL": url,
            "SOLANA_CLUSTER": "localnet",
            **settings,
        }
        return subprocess.run(
            [sys.executable, "-m", "order_engine.commands.pools", *arguments],
            env=environment,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture
def registry(database: Database) -> PostgresPoolRegistry:
    return PostgresPoolRegistry(database, "localnet")


def test_a_pool_is_added_listed_and_removed(command: Command, registry: PostgresPoolRegistry) -> None:
    address = str(POOL.address)
    assert command("add", address).stdout == f"{address} trades SOL-USDC (raydium_amm_v4)\n"
    assert [pool.address for pool in registry.enabled(["SOL", "USDC"])] == [address]
    assert command("list").stdout.split() == [address, "raydium_amm_v4", "SOL-USDC", "by", "hand"]
    assert command("remove", address).returncode == 0
    assert registry.enabled(["SOL", "USDC"]) == []
    assert command("list").stdout.split() == [address, "raydium_amm_v4", "SOL-USDC", "by", "hand", "disabled"]


def test_the_pools_of_the_cluster_are_discovered(command: Command, registry: PostgresPoolRegistry) -> None:
    done = command("discover")
    assert (done.returncode, done.stdout, done.stderr) == (0, "found 27 pools\n", "")
    assert {pool.address for pool in registry.all()} == {str(pool.address) for pool in market_pools()}


def test_the_pools_of_one_mint_are_found(command: Command, registry: PostgresPoolRegistry, url: str) -> None:
    mint = call(url, "localnet_createMint", {})
    assert command("find", mint).stdout == "found 0 pools\n"
    pools = {create_pool(url, mint, paired, "1", "10") for paired in ("SOL", "USDC")}
    assert command("find", mint).stdout == "found 2 pools\n"
    assert {pool.address for pool in registry.enabled([mint, "SOL", "USDC"])} == pools


@pytest.mark.parametrize(
    ("mint", "says"), [("DOGE", "NoRoute: DOGE has no mint on Localnet\n"), ("1" * 33, "expected base58 of 32 bytes")]
)
def test_what_is_no_mint_has_no_pools(command: Command, mint: str, says: str) -> None:
    done = command("find", mint)
    assert done.returncode == 1
    assert done.stderr.startswith(says)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("pool", "expected base58, was 'pool'"),
        (str(Pubkey.default()), "UnsupportedPool: expected a pool of Raydium CP-Swap, Raydium AMM v4, Raydium CLMM,"),
        (str(Pubkey.new_unique()), "CorruptPool: expected a pool, was no account"),
        (str(POOL.vaults[0]), "was an account of program TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
    ],
)
def test_what_is_no_pool_is_not_added(
    command: Command, registry: PostgresPoolRegistry, address: str, says: str
) -> None:
    done = command("add", address)
    assert done.returncode == 1
    assert says in done.stderr
    assert registry.all() == []


def test_an_unknown_pool_is_not_removed(command: Command) -> None:
    done = command("remove", str(POOL.address))
    assert (done.returncode, done.stderr) == (1, f"no pool with address {POOL.address}\n")


def test_a_node_that_lists_no_accounts_is_reported(command: Command) -> None:
    def refuse(*parameters: object) -> None:
        raise Refusal(-32010, "excluded from account secondary indexes")

    with fake_node() as node:
        node.results["getProgramAccounts"] = refuse
        done = command("discover", SOLANA_RPC_URL=node.url)
        assert len(node.called("getProgramAccounts")) == 5
    assert done.returncode == 1
    assert done.stdout == "found 0 pools\n"
    for kind in ("raydium_cp", "raydium_amm_v4", "raydium_clmm", "meteora_dlmm", "meteora_damm_v2"):
        assert (
            f"failed {kind}: expected a node that lists a program's pools, was a refusal: {node.host}:" in done.stderr
        )
    assert done.stderr.endswith("the search is not complete\n")


def test_a_node_of_another_cluster_is_refused(command: Command) -> None:
    for arguments in (("add", str(POOL.address)), ("discover",)):
        done = command(*arguments, SOLANA_CLUSTER="mainnet-beta")
        assert done.returncode == 1
        assert done.stderr.startswith("ChainRefused: ")
        assert "expected a node of Mainnet, was one of Localnet" in done.stderr


def test_a_node_that_does_not_answer_is_named(command: Command) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    done = command("add", str(POOL.address), SOLANA_RPC_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("VenueUnavailable: ")
    assert "Traceback" not in done.stderr
