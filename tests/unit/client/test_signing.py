"""Orders whose transaction a wallet of the client signs."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from typing import Any

import pytest
from aiohttp import web
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from contract.examples import EXAMPLES
from order_engine_client import AsyncClient, Signer
from order_engine_client.models import Quote
from order_engine_client.signing import sign
from tests.unit.client.services import serving

KEYPAIR = Keypair()
UNSIGNED = VersionedTransaction.populate(
    MessageV0.try_compile(KEYPAIR.pubkey(), [], [], Hash.default()), [Signature.default()]
)
TRANSACTION = b64encode(bytes(UNSIGNED)).decode()


def signer(message: bytes) -> bytes:
    return bytes(KEYPAIR.sign_message(message))


async def slow_signer(message: bytes) -> bytes:
    await asyncio.sleep(0)
    return signer(message)


@pytest.mark.parametrize("signer", [signer, slow_signer])
def test_a_quote_for_a_wallet_is_signed_and_submitted(signer: Signer) -> None:
    sent: list[Any] = []

    async def quote(request: web.Request) -> web.Response:
        assert request.query["wallet"] == str(KEYPAIR.pubkey())
        return web.json_response({**EXAMPLES["quote"], "transaction": TRANSACTION})

    async def execute(request: web.Request) -> web.Response:
        sent.append(await request.json())
        return web.json_response(EXAMPLES["accepted"], status=202)

    async def scenario() -> None:
        async with serving({"/api/quotes": quote, "/api/orders/execute": execute}) as client:
            quoted = await client.quote("SOL", "USDC", "1.5", wallet=str(KEYPAIR.pubkey()))
            await client.submit_signed(quoted, signer, client_order_id="mine")

    asyncio.run(scenario())
    (order,) = sent
    signed = VersionedTransaction.from_bytes(b64decode(order.pop("signedTransaction")))
    assert order == {"type": "market", "quoteId": EXAMPLES["quote"]["quoteId"], "clientOrderId": "mine"}
    assert signed.message == UNSIGNED.message
    assert signed.verify_with_results() == [True]


def test_a_quote_for_no_wallet_is_not_signed() -> None:
    quote = Quote.model_validate(EXAMPLES["quote"])
    with pytest.raises(ValueError, match="expected a quote for a wallet, was quote .* for the engine's"):
        asyncio.run(AsyncClient("http://127.0.0.1:1", "oee_key").submit_signed(quote, signer))


@pytest.mark.parametrize(
    ("transaction", "signer", "problem"),
    [
        ("Ag==", signer, "expected a transaction with one signature, was one with 02"),
        ("", signer, "expected a transaction with one signature, was one with none"),
        (TRANSACTION, lambda message: message[:7], "expected a signature of 64 bytes, was one of 7"),
    ],
)
def test_what_cannot_be_signed_is_refused(transaction: str, signer: Signer, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        asyncio.run(sign(transaction, signer))
