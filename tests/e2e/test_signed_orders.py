"""Orders whose transactions a client signs with a key of its own, on a localnet."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from solders.keypair import Keypair

from tests.support.client import Answer, Client, Json, client
from tests.support.market import Localnet
from tests.support.orders import LIFE
from tests.support.signed_orders import signed
from tests.support.stack import Stack

pytestmark = pytest.mark.needs("localnet")


@pytest.fixture
def keypair(market: Localnet) -> Keypair:
    """The key of a new wallet with 100 SOL."""
    keypair = Keypair()
    market.give(str(keypair.pubkey()), "SOL", 100 * 10**9)
    return keypair


async def quote(at: Client, keypair: Keypair, **terms: str) -> Json:
    query = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", **terms}
    return await at.get("/api/quotes", **query, wallet=str(keypair.pubkey()))


async def execute(at: Client, quoted: Json, transaction: str, **headers: str) -> Answer:
    form = {"quoteId": quoted["quoteId"], "signedTransaction": transaction}
    return await at.request("POST", "/api/orders/execute", headers, json=form)


async def test_a_wallet_of_the_clients_pays_and_is_paid(stack: Stack, market: Localnet, keypair: Keypair) -> None:
    wallet = str(keypair.pubkey())
    ours, before = market.balances(), market.balances_of(wallet)
    async with client(stack) as at:
        quoted = await quote(at, keypair)
        accepted = await execute(at, quoted, signed(quoted["transaction"], keypair))
        assert (accepted.status, accepted.body["orderId"]) == (202, quoted["orderId"])
        order = await at.ended(quoted["orderId"])
    assert [event["status"] for event in order["events"]] == LIFE
    assert (order["wallet"], order["quoteId"]) == (wallet, quoted["quoteId"])
    fill = order["events"][-1]["data"]
    assert fill["amountOut"] == quoted["amountOut"]
    spent = sum(int(fill[f"{name}BaseUnits"]) for name in ("amountIn", "networkFee", "rent"))
    after = market.balances_of(wallet)
    assert before["SOL"] - after["SOL"] == spent
    assert after["USDC"] - before["USDC"] == int(fill["amountOutBaseUnits"])
    assert market.balances() == ours


async def test_a_quote_is_one_order(stack: Stack, keypair: Keypair) -> None:
    async with client(stack) as at:
        quoted = await quote(at, keypair)
        transaction, key = signed(quoted["transaction"], keypair), {"Idempotency-Key": quoted["quoteId"]}
        first = await execute(at, quoted, transaction, **key)
        again = await execute(at, quoted, transaction, **key)
        other = await execute(at, quoted, transaction)
        order = await at.ended(quoted["orderId"])
    assert (first.status, again.status, again.body) == (202, 202, first.body)
    assert (other.status, other.body["error"]["code"]) == (409, "QuoteUsed")
    assert quoted["orderId"] in other.body["error"]["message"]
    assert order["status"] == "confirmed"


async def test_what_is_not_the_quotes_transaction_is_refused_and_not_sent(
    stack: Stack, market: Localnet, keypair: Keypair
) -> None:
    before = market.balances_of(str(keypair.pubkey()))
    async with client(stack) as at:
        quoted, other = await quote(at, keypair), await quote(at, keypair)
        altered = bytearray(b64decode(signed(quoted["transaction"], keypair)))
        altered[200] ^= 1
        for transaction in (
            quoted["transaction"],
            signed(other["transaction"], keypair),
            b64encode(altered).decode(),
            "x",
        ):
            refused = await execute(at, quoted, transaction)
            assert (refused.status, refused.body["error"]["code"]) == (400, "InvalidOrder")
            (problem,) = refused.body["error"]["details"]
            assert problem["field"] == "signedTransaction"
            assert problem["message"].startswith("expected ")
        waiting = await at.request(
            "POST",
            "/api/orders/execute",
            json={"type": "limit", "quoteId": quoted["quoteId"], "signedTransaction": quoted["transaction"]},
        )
        assert waiting.status == 400
        assert "a signed transaction can't wait" in waiting.body["error"]["message"]
    assert market.balances_of(str(keypair.pubkey())) == before


async def test_one_that_can_land_no_more_fails_and_offers_a_fresh_quote(
    stack: Stack, market: Localnet, keypair: Keypair
) -> None:
    """GIVEN a network that loses every transaction until its blockhash is over."""
    async with client(stack) as at:
        quoted = await quote(at, keypair)
        with market.held("USDC"):
            await execute(at, quoted, signed(quoted["transaction"], keypair))
            async with at.connected() as socket:
                await socket.send(action="subscribe", orderId=quoted["orderId"])
                await socket.events(until="submitted")
            market.advance(200)
            order = await at.ended(quoted["orderId"])
        assert (order["status"], order["error"]["code"]) == ("failed", "QuoteExpired")
        assert order["events"][-1]["data"]["requote"] == order["error"]["requote"]
        fresh = await at.request("GET", order["error"]["requote"])
        assert fresh.status == 200
        await execute(at, fresh.body, signed(fresh.body["transaction"], keypair))
        assert (await at.ended(fresh.body["orderId"]))["status"] == "confirmed"
