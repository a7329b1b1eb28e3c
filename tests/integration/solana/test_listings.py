"""The tokens and pools of a localnet, by HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localnet.commands import call
from localnet.market.pools import market_pools
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.domain.tokens import TOKENS, Token
from order_engine.storage.database import Database
from order_engine.storage.pools import PostgresPoolRegistry
from order_engine.storage.tokens import PostgresTokenStore
from tests.support.events import rest
from tests.support.functions import Functions, answered, new_environment

WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
ON_SOLANA = {"SOLANA_CLUSTER": "localnet", "WALLET_ADDRESS": WALLET}


@pytest.fixture
def registry(database: Database) -> PostgresPoolRegistry:
    return PostgresPoolRegistry(database, "localnet")


@pytest.fixture
def functions(environment: dict[str, str], url: str, registry: PostgresPoolRegistry) -> Iterator[Functions]:
    with new_environment({**environment, **ON_SOLANA, "SOLANA_RPC_URL": url}) as functions:
        yield functions


def register(registry: PostgresPoolRegistry) -> tuple[str, str, str]:
    """Registers a usable pool, one that is no pool, and one that is disabled, all of SOL and USDC."""
    usable, disabled = [pool for pool in market_pools() if pool.symbols == ("SOL", "USDC")][:2]
    for address, kind in ((str(usable.address), usable.kind), (WALLET, "raydium_cp"), (str(disabled.address), "x")):
        registry.add(RegisteredPool(address, kind, "raydium", "SOL", "USDC", (), Source.BY_HAND))
    registry.remove(str(disabled.address))
    return str(usable.address), WALLET, str(disabled.address)


def test_tokens_are_what_their_mints_are_on_chain(functions: Functions, database: Database, url: str) -> None:
    mint = call(url, "localnet_createMint", {"decimals": 3})
    store = PostgresTokenStore(database, "Localnet")
    store.add(Token(mint, 3))
    # It is no mint any more.
    store.add(Token(WALLET, 2))
    status, body = answered(functions("market", rest("GET", "/api/tokens")))
    assert (status, body["complete"]) == (200, True)
    tokens = {token["symbol"] or token["mint"]: token for token in body["tokens"]}
    assert tokens.keys() == {*TOKENS, mint, WALLET}
    assert (tokens["USDC"]["mint"], tokens["USDC"]["verified"], tokens["USDC"]["extensions"]) == (USDC, True, [])
    assert tokens["SOL"]["mint"] == tokens["wSOL"]["mint"]
    assert tokens[mint] == {
        "mint": mint,
        "symbol": None,
        "decimals": 3,
        "verified": False,
        "hasFreezeAuthority": False,
        "extensions": [],
    }
    assert (tokens[WALLET]["hasFreezeAuthority"], tokens[WALLET]["extensions"]) == (None, None)


def test_pools_are_those_of_the_registry(functions: Functions, registry: PostgresPoolRegistry) -> None:
    usable, corrupt, disabled = register(registry)
    # The mint of a token with a symbol stands for it, and wrapped SOL for SOL.
    status, body = answered(functions("market", rest("GET", "/api/pools", query={"tokenPair": f"wSOL-{USDC}"})))
    assert (status, body["unavailable"]) == (200, [])
    pools = {pool["address"]: pool for pool in body["pools"]}
    assert pools.keys() == {usable, corrupt, disabled}
    read = pools[usable]
    assert (read["usable"], read["enabled"], read["problem"]) == (True, True, None)
    assert [side["token"] for side in read["liquidity"]] == ["SOL", "USDC"]
    assert all(int(side["amountBaseUnits"]) > 0 for side in read["liquidity"])
    assert read["slot"] > 0
    assert read["feeBps"] > 0
    assert (pools[corrupt]["usable"], pools[corrupt]["enabled"], pools[corrupt]["liquidity"]) == (False, True, None)
    assert pools[corrupt]["problem"]["code"] in ("CorruptPool", "UnsupportedPool")
    assert (pools[disabled]["usable"], pools[disabled]["enabled"], pools[disabled]["problem"]) == (False, False, None)
    assert answered(functions("market", rest("GET", "/api/pools", query={"tokenPair": "SOL-RAY"})))[1]["pools"] == []


def test_pools_whose_node_does_not_answer_are_not_usable(
    environment: dict[str, str], registry: PostgresPoolRegistry
) -> None:
    usable, *_ = register(registry)
    with new_environment({**environment, **ON_SOLANA, "SOLANA_RPC_URL": "http://127.0.0.1:1"}) as functions:
        status, body = answered(functions("market", rest("GET", "/api/pools", query={"tokenPair": "SOL-USDC"})))
        assert (status, [missing["code"] for missing in body["unavailable"]]) == (200, ["VenueUnavailable"])
        problems = {pool["address"]: pool["problem"] for pool in body["pools"]}
        assert problems[usable]["code"] == "VenueUnavailable"
        status, body = answered(functions("market", rest("GET", "/api/tokens")))
        assert (status, body["error"]["code"]) == (503, "VenueUnavailable")
