"""Orders whose transactions clients sign: from the quote to the fill, on a localnet, by an engine without a key."""

from __future__ import annotations

import json
from base64 import b64decode
from uuid import UUID

import pytest
from solders.transaction import VersionedTransaction

from order_engine.api.views import event_view, order_view
from order_engine.dex.swaps import min_out
from order_engine.domain.errors import ChainRefused, InsufficientFunds, InvalidOrder, SlippageExceeded
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order
from order_engine.domain.runs import Run
from order_engine.storage.database import Database
from tests.support.orders import LEASE, LIFE, RUN, statuses
from tests.support.runs import at, passed_on, resumed
from tests.support.signed_orders import Desk


@pytest.fixture
def desk(url: str, database: Database) -> Desk:
    return Desk(url, database)


def run_of(desk: Desk, order: Order) -> Run:
    claimed = desk.orders.claim(order.id, RUN, LEASE)
    assert claimed is not None
    return passed_on(Run.of(claimed, published_seq=1))


def failed(desk: Desk, run: Run, error: Exception) -> Order:
    desk.execution.fail(run, {"Error": type(error).__name__, "Cause": json.dumps({"errorMessage": str(error)})})
    return desk.orders.get(run.order_id)


def test_a_quote_for_a_wallet_has_the_transaction_that_it_is_to_sign(desk: Desk) -> None:
    offer = desk.offer(slippage_bps=70)
    assert offer.unsigned is not None
    parsed = VersionedTransaction.from_bytes(b64decode(desk.unsigned(offer)))
    assert [bytes(signature) for signature in parsed.signatures] == [bytes(64)]
    assert str(parsed.message.account_keys[0]) == desk.wallet
    assert str(offer.unsigned.order_id).encode() in bytes(parsed.message.instructions[-1].data)
    assert offer.unsigned.transaction.min_out == min_out(offer.quote.amount_out, 70)
    assert desk.quotes.get(offer.id) == offer


@pytest.mark.parametrize(("token_in", "token_out", "amount_in"), [("SOL", "USDC", 10**9), ("USDC", "SOL", 5 * 10**6)])
def test_what_a_client_has_signed_is_filled_to_the_last_unit(
    desk: Desk, token_in: str, token_out: str, amount_in: int
) -> None:
    before = desk.balances()
    offer = desk.offer(token_in, token_out, amount_in)
    assert offer.unsigned is not None
    accepted = desk.submit(offer)
    assert (accepted.id, accepted.status, accepted.wallet) == (offer.unsigned.order_id, Status.PENDING, desk.wallet)
    assert desk.queue.enqueued == [accepted.id]
    run = at(desk.execution, run_of(desk, accepted), Status.CONFIRMED)
    order = desk.orders.get(accepted.id)
    sent = VersionedTransaction.from_bytes(b64decode(desk.signed(offer)))
    assert statuses(desk.orders, order.id) == LIFE == [event.status for event in desk.heard]
    assert (order.status, order.tx_hash, run.quote_id) == (Status.CONFIRMED, str(sent.signatures[0]), offer.id)
    fill = event_view(desk.orders.events(order.id)[-1])["data"]
    cost = int(fill["networkFeeBaseUnits"]) + int(fill["rentBaseUnits"])
    assert (order.amount_out, order.amount_spent) == (offer.quote.amount_out, amount_in)
    after = {**before, token_in: before[token_in] - amount_in}
    after[token_out] += offer.quote.amount_out
    after["SOL"] -= cost
    assert desk.balances() == after


def test_the_view_of_an_order_names_the_wallet(desk: Desk) -> None:
    assert order_view(desk.submit(desk.offer()))["wallet"] == desk.wallet


def test_one_that_has_slipped_fails_before_it_is_sent_and_offers_a_fresh_quote(desk: Desk) -> None:
    """GIVEN a market that has moved by more than the slippage since the transaction was signed."""
    offer = desk.offer(slippage_bps=1, max_price_impact_bps=2_000)
    order = desk.submit(offer)
    desk.trade(offer, 10**12)
    run = passed_on(desk.execution.route(run_of(desk, order)))
    with pytest.raises(SlippageExceeded) as slipped:
        desk.execution.build(run)
    ended = failed(desk, run, slipped.value)
    assert statuses(desk.orders, order.id) == ["pending", "routing", "failed"]
    error = order_view(ended)["error"]
    assert (error["code"], error["attempts"]) == ("SlippageExceeded", 1)
    assert error["requote"] == (
        f"/api/quotes?tokenIn=SOL&tokenOut=USDC&amountIn=1&slippageBps=1&maxPriceImpactBps=2000&wallet={desk.wallet}"
    )
    assert event_view(desk.orders.events(order.id)[-1])["data"] == error


def test_a_wallet_that_holds_too_little_gets_no_transaction_to_sign_and_no_order(desk: Desk) -> None:
    with pytest.raises(InsufficientFunds, match="insufficient lamports"):
        desk.offer(amount_in=10**13)
    larger, smaller = desk.offer(amount_in=6 * 10**11), desk.offer(amount_in=5 * 10**11)
    at(desk.execution, run_of(desk, desk.submit(larger)), Status.CONFIRMED)
    with pytest.raises(InsufficientFunds, match="expected at least 500.* SOL in the wallet, was 399"):
        desk.submit(smaller)


@pytest.mark.parametrize("status", [Status.ROUTING, Status.BUILDING, Status.SUBMITTED])
def test_another_run_goes_on_with_the_same_transaction(desk: Desk, status: Status) -> None:
    offer = desk.offer()
    order = desk.submit(offer)
    at(desk.execution, run_of(desk, order), status)
    run = resumed(desk.orders, order.id)
    if status is Status.ROUTING:
        run = passed_on(desk.execution.route(run))
    at(desk.execution, run, Status.CONFIRMED)
    assert desk.orders.get(order.id).amount_out == offer.quote.amount_out


def test_what_its_client_has_sent_too_is_one_swap(desk: Desk) -> None:
    before = desk.balances()["USDC"]
    offer = desk.offer()
    order = desk.submit(offer)
    desk.rpc.send(desk.signed(offer))
    at(desk.execution, run_of(desk, order), Status.CONFIRMED)
    assert desk.balances()["USDC"] - before == desk.orders.get(order.id).amount_out == offer.quote.amount_out


def test_an_address_that_no_key_can_have_is_refused(desk: Desk) -> None:
    for address, reason in (("11111111111111111111111111111112", "can have no key"), ("wallet", "expected base58")):
        desk.wallet = address
        with pytest.raises(InvalidOrder, match=f"wallet: .*{reason}"):
            desk.offer()


def test_the_engine_signs_nothing_without_a_key(desk: Desk) -> None:
    quote, _ = desk.router.best("SOL", "USDC", 10**9, 500)
    with pytest.raises(ChainRefused, match="the engine has no wallet"):
        desk.chain.build(quote, 1, UUID(int=1))
    assert desk.chain.costs(quote).rent_lamports == 2_039_280
