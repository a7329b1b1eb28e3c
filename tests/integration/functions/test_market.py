"""The market and the wallet that the REST API shows."""

from __future__ import annotations

from typing import Any

import pytest

from order_engine.domain.tokens import TOKENS
from tests.support.events import rest
from tests.support.functions import Functions, answered, new_environment, refusal
from tests.support.solana_node import fake_node

WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
SYSTEM = "11111111111111111111111111111111"


def on(environment: dict[str, str], cluster: str, url: str) -> dict[str, str]:
    return {**environment, "SOLANA_RPC_URL": url, "SOLANA_CLUSTER": cluster, "WALLET_ADDRESS": WALLET}


def test_the_simulated_market_has_no_explorer_and_no_wallet(functions: Functions) -> None:
    market = answered(functions("market", rest("GET", "/api/market")))
    assert market == (200, {"market": "Simulated", "explorer": None, "wallet": None})
    assert refusal(functions("market", rest("GET", "/api/wallet"))) == (404, "NotFound")


@pytest.mark.parametrize("path", ["/api/market", "/api/wallet"])
def test_a_query_is_refused(functions: Functions, path: str) -> None:
    assert refusal(functions("market", rest("GET", path, query={"token": "SOL"}))) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("cluster", "market", "base", "query"),
    [
        ("localnet", "Localnet", "http://127.0.0.1:8899", ""),
        ("devnet", "Devnet", "https://explorer.solana.com", "?cluster=devnet"),
        ("testnet", "Testnet", "https://explorer.solana.com", "?cluster=testnet"),
        ("mainnet-beta", "Mainnet", "https://explorer.solana.com", ""),
    ],
)
def test_a_cluster_has_an_explorer_and_a_wallet(
    environment: dict[str, str], cluster: str, market: str, base: str, query: str
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
            },
        )


def test_the_wallet_shows_what_it_holds_of_every_token(environment: dict[str, str]) -> None:
    def accounts(addresses: list[str], options: dict[str, Any]) -> dict[str, Any]:
        held = {"owner": SYSTEM, "lamports": 12_500_000_000, "data": ["", "base64"]}
        return {"context": {"slot": 7}, "value": [held if address == WALLET else None for address in addresses]}

    with fake_node() as node, new_environment(on(environment, "localnet", node.url)) as functions:
        node.results["getMultipleAccounts"] = accounts
        status, wallet = answered(functions("market", rest("GET", "/api/wallet")))
    assert (status, wallet["market"], wallet["address"]) == (200, "Localnet", WALLET)
    assert [balance["token"] for balance in wallet["balances"]] == list(TOKENS)
    assert {balance["token"]: balance["amount"] for balance in wallet["balances"]} == dict.fromkeys(TOKENS, "0") | {
        "SOL": "12.5"
    }
    assert wallet["balances"][0]["amountBaseUnits"] == "12500000000"


def test_the_wallet_of_a_node_that_does_not_answer_is_not_known(environment: dict[str, str]) -> None:
    with fake_node() as node:
        url = node.url
    with new_environment(on(environment, "localnet", url)) as functions:
        assert refusal(functions("market", rest("GET", "/api/wallet"))) == (503, "VenueUnavailable")
        assert answered(functions("market", rest("GET", "/api/market")))[0] == 200
