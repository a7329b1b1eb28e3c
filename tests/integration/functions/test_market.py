"""The market and the wallet that the REST API shows."""

from __future__ import annotations

import json
import re
import struct
from base64 import b64encode
from typing import Any

import pytest

from order_engine.domain.tokens import SPL_TOKEN, TOKENS
from order_engine.solana.addresses import address, associated_token_account, encode
from order_engine.storage.orders import PostgresOrderStore
from tests.support.events import rest
from tests.support.functions import ORDER, Functions, answered, new_environment, refusal
from tests.support.orders import CLIENT
from tests.support.solana_node import fake_node

WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
SYSTEM = "11111111111111111111111111111111"


def on(environment: dict[str, str], cluster: str, url: str) -> dict[str, str]:
    return {**environment, "SOLANA_RPC_URL": url, "SOLANA_CLUSTER": cluster, "WALLET_ADDRESS": WALLET}


def account(owner: str, lamports: int, data: bytes = b"") -> dict[str, Any]:
    return {"owner": owner, "lamports": lamports, "data": [b64encode(data).decode(), "base64"]}


def test_the_simulated_market_has_no_explorer_and_no_wallet(functions: Functions) -> None:
    market = answered(functions("market", rest("GET", "/api/market")))
    assert market == (200, {"market": "Simulated", "explorer": None, "wallet": None, "tokens": list(TOKENS)})
    assert refusal(functions("market", rest("GET", "/api/wallet"))) == (404, "NotFound")
    assert refusal(functions("market", rest("GET", "/api/wallet", query={"address": WALLET}))) == (404, "NotFound")


@pytest.mark.parametrize("path", ["/api/market", "/api/wallet"])
def test_a_query_is_refused(functions: Functions, path: str) -> None:
    assert refusal(functions("market", rest("GET", path, query={"token": "SOL"}))) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("cluster", "market", "base", "query", "tokens"),
    [
        ("localnet", "Localnet", "http://127.0.0.1:8899", "", list(TOKENS)),
        ("devnet", "Devnet", "https://explorer.solana.com", "?cluster=devnet", ["SOL", "wSOL", "USDC"]),
        ("testnet", "Testnet", "https://explorer.solana.com", "?cluster=testnet", ["SOL", "wSOL"]),
        ("mainnet-beta", "Mainnet", "https://explorer.solana.com", "", list(TOKENS)),
    ],
)
def test_a_cluster_has_an_explorer_a_wallet_and_tokens(
    environment: dict[str, str], cluster: str, market: str, base: str, query: str, tokens: list[str]
) -> None:
    # The URL's end is an API key, and belongs to nobody's page.
    url = "http://127.0.0.1:8899/" if cluster == "localnet" else "https://node.example/0123456789abcdef"
    with new_environment(on(environment, cluster, url)) as functions:
        assert answered(functions("market", rest("GET", "/api/market"))) == (
            200,
            {
                "market": market,
                "explorer": {
                    "transaction": f"{base}/tx/{{signature}}{query}",
                    "address": f"{base}/address/{{address}}{query}",
                },
                "wallet": WALLET,
                "tokens": tokens,
            },
        )


def test_a_client_asks_for_any_wallet_as_often_as_for_quotes(environment: dict[str, str]) -> None:
    other = encode(bytes([9] * 32))
    on_chain = {other: account(SYSTEM, 3_000_000_000)}

    def accounts(addresses: list[str], options: dict[str, Any]) -> dict[str, Any]:
        return {"context": {"slot": 7}, "value": [on_chain.get(address) for address in addresses]}

    limited = {"QUOTES_PER_MINUTE": "1"}
    with fake_node() as node, new_environment(on(environment, "localnet", node.url) | limited) as functions:
        nothing = {"context": {"slot": 7}, "value": []}
        node.results |= {"getMultipleAccounts": accounts, "getTokenAccountsByOwner": nothing}
        asked = rest("GET", "/api/wallet", query={"address": other})
        status, wallet = answered(functions("market", asked))
        assert (status, wallet["address"]) == (200, other)
        assert wallet["balances"][0] == {"token": "SOL", "amount": "3", "amountBaseUnits": "3000000000"}
        assert refusal(functions("market", asked)) == (429, "RateLimited")
        # The engine's own has no limit.
        assert answered(functions("market", rest("GET", "/api/wallet")))[0] == 200


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("RAY", "expected base58 of 32 bytes, was 'RAY', of 3 bytes"),
        (
            encode(associated_token_account(bytes([9] * 32), bytes([8] * 32))),
            "expected the address of a wallet, was .*, which can have no key",
        ),
    ],
)
def test_what_is_no_wallet_is_refused(environment: dict[str, str], address: str, message: str) -> None:
    with new_environment(on(environment, "localnet", "http://127.0.0.1:1")) as functions:
        asked = rest("GET", "/api/wallet", query={"address": address})
        assert refusal(functions("market", asked)) == (400, "InvalidRequest")
        (problem,) = answered(functions("market", asked))[1]["error"]["details"]
    assert problem["field"] == "address"
    assert re.fullmatch(message, problem["message"])


def test_the_wallet_shows_what_it_holds_of_every_token(environment: dict[str, str]) -> None:
    """GIVEN SOL, and a token without a symbol."""
    mint, wallet_key = bytes([8] * 32), address(WALLET)
    at = encode(associated_token_account(wallet_key, mint))
    data = struct.pack("<32s32sQ36xB56x", mint, wallet_key, 12_345, 1)
    on_chain = {
        WALLET: account(SYSTEM, 12_500_000_000),
        encode(mint): account(SPL_TOKEN, 1, struct.pack("<36xQBB36x", 1000, 4, 1)),
        at: account(SPL_TOKEN, 2_039_280, data),
    }

    def accounts(addresses: list[str], options: dict[str, Any]) -> dict[str, Any]:
        return {"context": {"slot": 7}, "value": [on_chain.get(address) for address in addresses]}

    def held(owner: str, wanted: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
        listed = [{"pubkey": at, "account": on_chain[at]}] if wanted["programId"] == SPL_TOKEN else []
        return {"context": {"slot": 7}, "value": listed}

    with fake_node() as node, new_environment(on(environment, "localnet", node.url)) as functions:
        node.results |= {"getMultipleAccounts": accounts, "getTokenAccountsByOwner": held}
        status, wallet = answered(functions("market", rest("GET", "/api/wallet")))
    assert (status, wallet["market"], wallet["address"]) == (200, "Localnet", WALLET)
    assert [balance["token"] for balance in wallet["balances"]] == [*TOKENS, encode(mint)]
    assert {balance["token"]: balance["amount"] for balance in wallet["balances"]} == dict.fromkeys(TOKENS, "0") | {
        "SOL": "12.5",
        encode(mint): "1.2345",
    }
    assert wallet["balances"][0]["amountBaseUnits"] == "12500000000"


def test_the_wallet_of_a_node_that_does_not_answer_is_not_known(environment: dict[str, str]) -> None:
    with fake_node() as node:
        url = node.url
    with new_environment(on(environment, "localnet", url)) as functions:
        assert refusal(functions("market", rest("GET", "/api/wallet"))) == (503, "VenueUnavailable")
        assert answered(functions("market", rest("GET", "/api/market")))[0] == 200


def test_a_token_that_the_cluster_does_not_have_is_refused_by_name(
    environment: dict[str, str], orders: PostgresOrderStore
) -> None:
    """GIVEN devnet, where RAY has no mint."""
    cluster = on(environment, "devnet", "http://127.0.0.1:1") | {"MAX_PRIORITY_FEE_LAMPORTS": "0"}
    with new_environment(cluster) as functions:
        for pair in ({"tokenIn": "RAY", "tokenOut": "USDC"}, {"tokenIn": "SOL", "tokenOut": "RAY"}):
            order = json.dumps({**ORDER, **pair})
            quote = {**pair, "amountIn": "1.5"}
            for event in (rest("POST", "/api/orders/execute", order), rest("GET", "/api/quotes", query=quote)):
                status, body = answered(functions("submit", event))
                assert status == 422
                assert (body["error"]["code"], body["error"]["message"]) == ("NoRoute", "RAY has no mint on Devnet")
    assert orders.page(CLIENT, 1) == ([], None)
