"""Signed transactions that are refused: nothing is stored, and nothing is sent."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest
from solders.keypair import Keypair

from order_engine.domain.errors import (
    EngineError,
    IdempotencyKeyReused,
    InvalidOrder,
    QuoteExpired,
    QuoteNotFound,
    QuoteUsed,
)
from order_engine.domain.ids import uuid7
from order_engine.domain.orders import OrderRequest
from order_engine.domain.quotes import Offer
from order_engine.domain.terms import Limit
from order_engine.storage.database import Database
from tests.support.orders import CLIENT, OTHER
from tests.support.signed_orders import MARKET, Desk


@pytest.fixture
def desk(url: str, database: Database) -> Desk:
    return Desk(url, database)


def altered(transaction: str, at: int) -> str:
    raw = bytearray(b64decode(transaction))
    raw[at] ^= 1
    return b64encode(bytes(raw)).decode()


def refused(desk: Desk, offer: Offer, transaction: str, error: type[EngineError], reason: str, **by: Any) -> None:
    """GIVEN an offer, and what is sent for it."""
    before = desk.balances()
    with pytest.raises(error, match=reason):
        desk.submit(offer, transaction, **by)
    assert (desk.queue.enqueued, desk.heard) == ([], [])
    assert desk.database.fetch("SELECT FROM orders") == []
    assert desk.balances() == before


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (lambda desk, offer: desk.unsigned(offer), "expected the signature of wallet .*, was none"),
        (lambda desk, offer: signed_by_another(desk, offer), "expected the signature of wallet .*, which is not"),
        (lambda desk, offer: desk.signed(desk.offer()), "expected the message of the quoted transaction, was another"),
        (lambda desk, offer: altered(desk.signed(offer), 0), "expected a transaction with one signature, was one with"),
        (lambda desk, offer: altered(desk.signed(offer), 64), "expected the signature of wallet"),
        (lambda desk, offer: altered(desk.signed(offer), 65), "was another one from byte 65 on"),
        (lambda desk, offer: altered(desk.signed(offer), -1), "expected the message of the quoted transaction"),
        (lambda desk, offer: "signed", "expected a transaction in base64"),
    ],
    ids=["unsigned", "another wallet", "another quote", "count", "signature", "version", "last byte", "text"],
)
def test_anything_but_the_quotes_own_transaction(desk: Desk, sent: Callable[[Desk, Offer], str], reason: str) -> None:
    offer = desk.offer()
    refused(desk, offer, sent(desk, offer), InvalidOrder, f"signedTransaction: .*{reason}.*quote {offer.id}")


def signed_by_another(desk: Desk, offer: Offer) -> str:
    """The quote's message, with the signature that another key makes of it."""
    raw, other = b64decode(desk.unsigned(offer)), Keypair()
    return b64encode(raw[:1] + bytes(other.sign_message(raw[65:])) + raw[65:]).decode()


def test_a_quote_of_another_client(desk: Desk) -> None:
    offer = desk.offer()
    refused(desk, offer, desk.signed(offer), QuoteNotFound, "no quote with id", client=OTHER.client_id)


def test_a_quote_that_has_expired(desk: Desk) -> None:
    offer = desk.offer()
    desk.database.execute(
        """UPDATE quotes SET quote = jsonb_set(quote, '{expires_at}', to_jsonb((quote->>'expires_at')::float8 - 31))"""
    )
    refused(desk, offer, desk.signed(offer), QuoteExpired, "the quote expired")


def test_a_quote_without_a_wallet(desk: Desk) -> None:
    offer = desk.offer()
    plain = offer._replace(id=uuid7(), unsigned=None)
    desk.quotes.insert(CLIENT, plain)
    refused(desk, plain, desk.signed(offer), InvalidOrder, "quoteId: expected a quote for a wallet, was quote")


def test_a_quote_is_one_order(desk: Desk) -> None:
    """GIVEN the same transaction again, with the key of the first request, with another one, and without any."""
    offer = desk.offer()
    first = desk.submit(offer, key="a")
    assert desk.submit(offer, key="a") == first
    for key in ("b", None):
        with pytest.raises(QuoteUsed, match=f"expected a quote that no order has executed, .* of order {first.id}"):
            desk.submit(offer, key=key)
    assert desk.queue.enqueued == [first.id]
    with pytest.raises(IdempotencyKeyReused, match="quoteId: expected"):
        desk.submit(desk.offer(), key="a")


def test_the_quote_of_a_wallet_is_for_nothing_else(desk: Desk) -> None:
    """GIVEN an engine that has a wallet of its own, and an order that names the quote for a client's."""
    offer = desk.offer()
    request = OrderRequest("market", "SOL", "USDC", 10**9, quote_id=offer.id)
    submission = desk.submission_in(MARKET._replace(wallet="engine"))
    with pytest.raises(InvalidOrder, match=f"expected the transaction of quote {offer.id}, signed by wallet"):
        submission.submit(request, CLIENT)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (OrderRequest("market", "SOL", "USDC", 10**9), "signedTransaction: .*this engine has no wallet, was missing"),
        (
            OrderRequest("limit", "SOL", "USDC", 10**9, terms=Limit(min_out=1)),
            "type: expected market, .*this engine has no wallet, and a signed transaction can't wait.*, was limit",
        ),
    ],
)
def test_an_engine_without_a_key_takes_only_what_clients_have_signed(
    desk: Desk, order: OrderRequest, reason: str
) -> None:
    with pytest.raises(InvalidOrder, match=reason):
        desk.submission.submit(order, CLIENT)
    assert desk.database.fetch("SELECT FROM orders") == []
