"""The REST API of an engine on Solana without a wallet, where only clients sign, and of one where nobody does."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.events import rest
from tests.support.functions import ORDER, Functions, answered, new_environment, refusal

WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
LIMIT = {**ORDER, "type": "limit", "limitPrice": "200"}


@pytest.fixture
def keyless(environment: dict[str, str]) -> Iterator[Functions]:
    """No node is asked: nothing listens at its address."""
    on_solana = {"SOLANA_RPC_URL": "http://127.0.0.1:1", "SOLANA_CLUSTER": "localnet"}
    keyless = {"WALLET_ADDRESS": "", "MAX_PRIORITY_FEE_LAMPORTS": "0"}
    with new_environment({**environment, **on_solana, **keyless}) as functions:
        yield functions


def test_the_market_has_no_wallet(keyless: Functions) -> None:
    status, market = answered(keyless("market", rest("GET", "/api/market")))
    assert (status, market["market"], market["wallet"]) == (200, "Localnet", None)
    assert refusal(keyless("market", rest("GET", "/api/wallet"))) == (404, "NotFound")


@pytest.mark.parametrize(
    ("order", "field", "reason"),
    [
        (ORDER, "signedTransaction", "this engine has no wallet, was missing"),
        (LIMIT, "type", "this engine has no wallet, and a signed transaction can't wait"),
    ],
)
def test_what_the_engine_would_have_to_sign_is_refused(
    keyless: Functions, order: dict[str, str], field: str, reason: str
) -> None:
    status, answer = answered(keyless("submit", rest("POST", "/api/orders/execute", json.dumps(order))))
    (problem,) = answer["error"]["details"]
    assert (status, answer["error"]["code"], problem["field"]) == (400, "InvalidOrder", field)
    assert reason in problem["message"]


def test_the_simulated_market_refuses_a_wallet(functions: Functions) -> None:
    query = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", "wallet": WALLET}
    status, answer = answered(functions("submit", rest("GET", "/api/quotes", query=query)))
    (problem,) = answer["error"]["details"]
    assert (status, problem["field"]) == (400, "wallet")
    assert problem["message"] == f"expected no wallet on the Simulated market, which has none, was {WALLET}"
