"""The tokens and pools of the simulated market, by HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from order_engine.api.callers import authorizer_context
from order_engine.domain.tokens import TOKENS, Mint, Token
from order_engine.simulation.mints import SimulatedMints
from order_engine.simulation.pools import pool_settings
from order_engine.storage.database import Database
from order_engine.storage.tokens import PostgresTokenStore
from tests.support.events import rest
from tests.support.functions import Functions, answered, new_environment, refusal
from tests.support.orders import CALLER

MINT = "7GCihgDB8fe6KNjn2MYtkzZcRjQy3t9GHdC8uHYMW2hr"
SYSTEM = "11111111111111111111111111111111"


def test_tokens_have_a_symbol_or_were_named_by_their_mint(functions: Functions, database: Database) -> None:
    mint = Mint(Token(MINT, 4), has_freeze_authority=True, extensions=("TransferHook",))
    SimulatedMints(database).add(mint)
    PostgresTokenStore(database, "Simulated").add(mint.token)
    PostgresTokenStore(database, "Devnet").add(Token(SYSTEM, 2))
    status, body = answered(functions("market", rest("GET", "/api/tokens")))
    assert (status, body["market"], body["complete"]) == (200, "Simulated", True)
    *known, named = body["tokens"]
    assert [(token["symbol"], token["decimals"], token["verified"]) for token in known] == [
        (token.symbol, token.decimals, True) for token in TOKENS.values()
    ]
    assert {(token["mint"], token["hasFreezeAuthority"], token["extensions"]) for token in known} == {(None,) * 3}
    assert named == {
        "mint": MINT,
        "symbol": None,
        "decimals": 4,
        "verified": False,
        "hasFreezeAuthority": True,
        "extensions": ["TransferHook"],
    }


def test_the_pools_of_a_pair_come_with_what_they_hold(functions: Functions) -> None:
    pools = {pool.id: pool for pool in pool_settings() if {pool.token_a, pool.token_b} == {"SOL", "USDC"}}
    status, body = answered(functions("market", rest("GET", "/api/pools", query={"tokenPair": "USDC-SOL"})))
    assert (status, body["unavailable"]) == (200, [])
    assert [pool["address"] for pool in body["pools"]] == sorted(pools)
    for shown in body["pools"]:
        pool = pools[shown["address"]].pool
        assert (shown["program"], shown["tokenA"], shown["tokenB"]) == (pool.kind, "SOL", "USDC")
        assert (shown["enabled"], shown["usable"], shown["problem"]) == (True, True, None)
        # Other traders may have moved it since.
        for side, held in zip(shown["liquidity"], (pool.depth(a_to_b=False), pool.depth(a_to_b=True)), strict=True):
            assert int(side["amountBaseUnits"]) == pytest.approx(held, rel=0.05)
    fees = {shown["address"]: shown["feeBps"] for shown in body["pools"]}
    assert fees["raydium-amm:SOL-USDC"] == fees["raydium-cp:SOL-USDC"] == 25
    assert fees["raydium-clmm:SOL-USDC"] == 4


def test_all_pools_are_listed_without_a_pair(functions: Functions) -> None:
    _, body = answered(functions("market", rest("GET", "/api/pools")))
    assert {pool["address"] for pool in body["pools"]} == {pool.id for pool in pool_settings()}


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/api/tokens", {"symbol": "SOL"}, "symbol"),
        ("/api/pools", {"pair": "SOL-USDC"}, "pair"),
        ("/api/pools", {"tokenPair": "SOL"}, "tokenPair"),
        ("/api/pools", {"tokenPair": "SOL-ETH"}, "tokenPair"),
        ("/api/pools", {"tokenPair": f"SOL-{SYSTEM}"}, "tokenPair"),
    ],
)
def test_a_malformed_query_is_refused(functions: Functions, path: str, query: dict[str, str], field: str) -> None:
    status, body = answered(functions("market", rest("GET", path, query=query)))
    assert (status, body["error"]["code"]) == (400, "InvalidRequest")
    assert [problem["field"] for problem in body["error"]["details"]] == [field]


def test_a_list_counts_as_a_quote(environment: dict[str, str]) -> None:
    caller = authorizer_context(replace(CALLER, client_id=uuid4()))
    with new_environment({**environment, "QUOTES_PER_MINUTE": "2"}) as functions:

        def asked(path: str) -> Any:
            event = rest("GET", path)
            return functions("market", {**event, "requestContext": {**event["requestContext"], "authorizer": caller}})

        assert [answered(asked(path))[0] for path in ("/api/tokens", "/api/pools")] == [200, 200]
        assert [refusal(asked(path)) for path in ("/api/tokens", "/api/pools")] == [(429, "RateLimited")] * 2
