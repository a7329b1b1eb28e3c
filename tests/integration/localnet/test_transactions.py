"""Transactions on LiteSVM: what they do, what is read of them, and what is refused."""

from __future__ import annotations

import pytest
from solders.pubkey import Pubkey

from tests.support.localnet import FEE, SOL, Localnet, payment


@pytest.fixture
def localnet() -> Localnet:
    return Localnet()


def test_a_payment_moves_lamports_and_costs_a_fee(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    signature = localnet.send(payment(payer, to, SOL, localnet.blockhash()))
    status = localnet.status(signature)
    assert (status["err"], status["confirmationStatus"]) == (None, "confirmed")
    assert localnet.lamports(to) == SOL
    assert localnet.lamports(payer.pubkey()) == 9 * SOL - FEE
