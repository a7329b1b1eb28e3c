"""Orders that the Python client's own wallet signs, on a localnet."""

from __future__ import annotations

import re
from typing import Any

import pytest
from solders.keypair import Keypair

from localnet.commands import call
from order_engine_client import BadRequest, Client, Conflict
from tests.support.market import Localnet
from tests.support.stack import ROOT, Stack

pytestmark = pytest.mark.needs("localnet")


def test_a_wallet_spends_its_own_tokens(stack: Stack, market: Localnet) -> None:
    keypair = Keypair()
    wallet = str(keypair.pubkey())
    call(stack.parameters["SolanaRpcUrl"], "localnet_airdrop", wallet, 5 * 10**9, "SOL")
    with Client(stack.rest, stack.key) as client:
        quote = client.quote("SOL", "USDC", "1.5", wallet=wallet)
        # WHEN another wallet signs
        with pytest.raises(BadRequest, match="expected the signature of wallet"):
            client.submit_signed(quote, lambda message: bytes(Keypair().sign_message(message)))
        # AND its own, twice
        orders = [
            client.submit_signed(quote, lambda message: bytes(keypair.sign_message(message)), idempotency_key=wallet)
            for _ in range(2)
        ]
        ended = client.ended(orders[0].order_id)
        balances = {held.token: held.amount for held in client.wallet(wallet).balances}
        with pytest.raises(Conflict) as refused:
            client.submit_signed(quote, lambda message: bytes(keypair.sign_message(message)))
    assert orders[0] == orders[1]
    assert (ended.status, ended.wallet, ended.order_id) == ("confirmed", wallet, quote.order_id)
    assert balances["USDC"] == ended.amount_out
    assert balances["SOL"] < 5 - ended.amount_in
    assert refused.value.code == "QuoteUsed"


def test_the_documented_lines_sign_and_submit(stack: Stack, market: Localnet) -> None:
    (lines,) = re.findall(
        r"```python\nkeypair = Keypair\(\)\n(.*?)```", (ROOT / "docs/clients.md").read_text(), re.DOTALL
    )
    keypair = Keypair()
    call(stack.parameters["SolanaRpcUrl"], "localnet_airdrop", str(keypair.pubkey()), 5 * 10**9, "SOL")
    with Client(stack.rest, stack.key) as client:
        names: dict[str, Any] = {"client": client, "keypair": keypair}
        exec(lines, names)
        ended = client.ended(names["order"].order_id)
    assert (ended.status, ended.wallet) == ("confirmed", str(keypair.pubkey()))
