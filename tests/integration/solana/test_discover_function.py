"""The function that finds pools, as its schedule and operators invoke it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localnet.commands import call, create_pool
from localnet.market.pools import market_pools
from order_engine.domain.errors import CorruptPool
from order_engine.solana.addresses import WRAPPED_SOL, encode
from order_engine.storage.database import Database
from order_engine.storage.pools import PostgresPoolRegistry
from tests.support.functions import Functions, new_environment
from tests.support.solana_node import Refusal, fake_node

POOL = str(market_pools()[0].address)
WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"


@pytest.fixture
def registry(database: Database) -> PostgresPoolRegistry:
    return PostgresPoolRegistry(database, "localnet")


def on(environment: dict[str, str], url: str) -> dict[str, str]:
    return {**environment, "SOLANA_RPC_URL": url, "SOLANA_CLUSTER": "localnet", "WALLET_ADDRESS": WALLET}


@pytest.fixture
def functions(environment: dict[str, str], url: str, registry: PostgresPoolRegistry) -> Iterator[Functions]:
    with new_environment(on(environment, url)) as functions:
        yield functions


def test_an_operator_adds_lists_and_removes_a_pool(functions: Functions, registry: PostgresPoolRegistry) -> None:
    added = functions("discover", {"action": "add", "address": POOL})["added"]
    assert (added["address"], added["token_a"], added["token_b"]) == (POOL, "SOL", "USDC")
    assert (added["source"], added["enabled"]) == ("by hand", True)
    assert functions("discover", {"action": "list"}) == {"pools": [added]}
    assert functions("discover", {"action": "remove", "address": POOL}) == {"removed": POOL}
    assert registry.enabled(["SOL", "USDC"]) == []


def test_an_operator_finds_the_pools_of_a_mint(functions: Functions, registry: PostgresPoolRegistry, url: str) -> None:
    mint = call(url, "localnet_createMint", {})
    pool = create_pool(url, mint, "SOL", "1", "10")
    report = functions("discover", {"action": "find", "mint": mint})
    assert report == {"found": 1, "disabled": [], "unusable": {}, "failed": {}, "complete": True}
    assert [known.address for known in registry.enabled([mint, "SOL"])] == [pool]


def test_what_is_no_pool_is_not_added(functions: Functions, registry: PostgresPoolRegistry) -> None:
    with pytest.raises(CorruptPool, match="expected a pool"):
        functions("discover", {"action": "add", "address": WALLET})
    assert registry.all() == []


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({"action": "dance"}, "expected .*add.*, was one with action"),
        ({"action": "add"}, "was one with action"),
        ({"action": "remove", "address": encode(WRAPPED_SOL)}, f"no pool with address {encode(WRAPPED_SOL)}"),
    ],
)
def test_an_impossible_request_about_pools_is_refused(functions: Functions, event: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        functions("discover", event)


def test_the_simulated_market_has_no_pools_to_manage(environment: dict[str, str]) -> None:
    with (
        new_environment(environment) as functions,
        pytest.raises(ValueError, match="expected a market on Solana, was the simulated one"),
    ):
        functions("discover", {"action": "list"})


def test_the_schedule_finds_the_pools_of_the_cluster(functions: Functions, registry: PostgresPoolRegistry) -> None:
    report = functions("discover", {})
    assert (report["complete"], report["failed"]) == (True, {})
    assert {pool.address for pool in registry.all()} == {str(pool.address) for pool in market_pools()}


def test_a_node_that_lists_no_pools_is_logged(
    environment: dict[str, str], registry: PostgresPoolRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*parameters: Any) -> None:
        raise Refusal(-32010, "excluded from account secondary indexes")

    with fake_node() as node:
        node.results["getProgramAccounts"] = refuse
        with new_environment(on(environment, node.url)) as functions:
            assert functions("discover", {})["complete"] is False
    for program in ("raydium_cp", "raydium_amm_v4", "raydium_clmm", "meteora_dlmm", "meteora_damm_v2"):
        assert f"pools of {program} are not known: expected a node that lists a program's pools" in caplog.text
