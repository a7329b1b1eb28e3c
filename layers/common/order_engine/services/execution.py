"""Runs one order: route, build, submit, confirm, fail. Each method of `Execution` is one state of the state machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from order_engine.dex.swaps import min_out
from order_engine.domain import events, terms
from order_engine.domain.errors import (
    MAX_ATTEMPTS,
    MAY_PASS,
    Final,
    LimitNotMet,
    Reroute,
    StaleRun,
    Transient,
    VenueUnavailable,
    error_class,
)
from order_engine.domain.events import Opened
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.domain.money import BPS, describe
from order_engine.domain.orders import Order
from order_engine.domain.quotes import Quote
from order_engine.domain.runs import Run
from order_engine.domain.terms import Stop
from order_engine.domain.tokens import token
from order_engine.domain.transactions import Fill, Transaction
from order_engine.ports import Chain, OrderStore, Publish, QuoteStore, Signing

if TYPE_CHECKING:
    from order_engine.services.routing import Router


class Execution:
    """The steps of an order. `router` is called when there is something to route.

    `wake` has the watcher begin, if none watches. It raises nothing. `signing` is needed where clients sign.

    Every method may raise `StoreUnavailable` or `StaleRun`. Each may be called again after it was cut short, and then
    ends as if it had run once.
    """

    def __init__(
        self,
        *,
        orders: OrderStore,
        quotes: QuoteStore,
        router: Callable[[], Router],
        chain: Chain,
        publish: Publish,
        wake: Callable[[], None] = lambda: None,
        signing: Signing | None = None,
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._router = router
        self._chain = chain
        self._publish = publish
        self._wake = wake
        self._signing = signing

    def route(self, run: Run) -> Run:
        """Finds the route that pays most, or takes the quote that the order names.

        Raises what `Router.best` raises, `PriceImpactTooHigh` for a quote that the order names, and `LimitNotMet`.
        """
        quote, decision = self._quote(run)
        if run.limit_out is not None and quote.amount_out < run.limit_out:
            least, was = (describe(amount, token(run.token_out)) for amount in (run.limit_out, quote.amount_out))
            raise LimitNotMet(f"expected at least {least}, the order's limit, was {was}")
        data = events.routing(run.token_out, quote.amount_out, decision, run.quote_id)
        moved = self._move(run, Trigger.ROUTE, data, venue=quote.venue, quoted_out=quote.amount_out)
        # One that was signed for an earlier route is no longer of use. A client has signed the only one of its order.
        transaction = run.transaction if run.wallet else None
        return replace(moved, quoted_out=quote.amount_out, quote=quote, transaction=transaction)

    def build(self, run: Run) -> Run:
        """Signs the transaction and stores it, before anything is sent; one that a client has signed is tried instead.

        Raises what `Chain.build` or `Signing.simulate` raises.
        """
        if run.quote is None:
            raise ValueError(f"expected order {run.order_id} with a quote")
        quote = run.quote
        transaction = self._transaction(run, quote)
        moved = self._move(
            run,
            Trigger.BUILD,
            events.building(transaction),
            # Written again: a Route that timed out may have finished late and stored its own quote.
            venue=quote.venue,
            quoted_out=quote.amount_out,
            min_out=transaction.min_out,
            tx_hash=transaction.signature,
            transaction=transaction.dump(),
        )
        # If the move was made before, its transaction is stored and no other may be sent.
        # The steps to come need no quote.
        return moved if moved.transaction else replace(moved, quote=None, transaction=transaction)

    def submit(self, run: Run) -> Run:
        """Sends the transaction. Raises what `Chain.submit` raises.

        The order becomes `submitted` before anything is sent: nothing was sent for an order that is `building`.
        """
        transaction = _signed(run)
        moved = self._move(run, Trigger.SUBMIT, events.submitted(transaction))
        self._chain.submit(transaction)
        return moved

    def confirm(self, run: Run) -> Run:
        """Asks for the result and records what was really filled. Without a result the order stays `submitted`.

        Then the transaction is sent again, and the run keeps the order: the state machine waits and asks again. Raises
        what `Chain.confirm` raises once the transaction can no longer land.
        """
        transaction = _signed(run)
        fill = self._chain.confirm(transaction)
        if fill is not None:
            return self._filled(run, fill)
        order = self._orders.renew(run.order_id, run.run)
        if order is None:
            raise StaleRun(f"expected order {run.order_id} with run {run.run}, was ended or another run's")
        # Nodes drop transactions, and a run may have died before it sent this one.
        self._chain.submit(transaction)
        # A Submit that could not send it has not returned what it stored.
        return replace(run, status=order.status)

    def fail(self, run: Run, error: dict[str, str]) -> Run:
        """Ends the order with the error that the state machine caught: `{"Error", "Cause"}`.

        One with a limit is open again instead, and no run's, after an error that may pass. An order whose transaction
        may have landed ends by what the chain says. While the chain does not say, the transaction is sent again, and
        this raises `VenueUnavailable`.
        """
        order = self._orders.get(run.order_id)
        caught = error_class(error["Error"])
        if order.status is Status.SUBMITTED and order.transaction and not (caught and issubclass(caught, Reroute)):
            fill = self._verdict(Transaction.load(order.transaction))
            if fill is not None:
                return self._filled(run, fill)
        message = _message(error["Cause"])
        if order.limit_out is not None and caught and issubclass(caught, MAY_PASS):
            return self._returned(run, order, message)
        data = events.failed(
            code=error["Error"] if caught else "InternalError",
            message=message if caught else f"{error['Error']}: {message}",
            # The state machine gives up on any other error only after all attempts.
            attempts=run.attempt if caught and not issubclass(caught, Transient) else MAX_ATTEMPTS,
            # The quote that an order names will not come back.
            retryable=not (caught and issubclass(caught, (Final, Reroute) if run.quote_id else Final)),
            # Nobody but the client can sign another transaction.
            requote=events.requote(run) if run.wallet and not (caught and issubclass(caught, Final)) else None,
        )
        # A Submit that timed out may send the transaction meanwhile. Then this verdict no longer holds.
        return self._move(run, Trigger.FAIL, data, from_status=order.status, error=data)

    def _returned(self, run: Run, order: Order, message: str) -> Run:
        """Has the order wait again. A stop has reached its price, and waits for its limit."""
        if isinstance(order.terms, Stop):
            order = order.as_reached()
        data = events.opened(order, order.market, Opened.RETURNED, message)
        moved = self._move(
            run,
            Trigger.RETURN,
            data,
            from_status=order.status,
            terms=order.terms and terms.dump(order.terms),
            waits_for=order.waits_for,
            trigger_out=order.trigger_out,
        )
        self._wake()
        return moved

    def _transaction(self, run: Run, quote: Quote) -> Transaction:
        if run.wallet is None:
            least = max(min_out(quote.amount_out, run.slippage_bps), run.limit_out or 0)
            return self._chain.build(quote, least, run.order_id)
        if self._signing is None:
            raise ValueError(f"expected order {run.order_id} on a market where clients sign")
        transaction = _signed(run)
        self._signing.simulate(transaction, quote.slot)
        return transaction

    def _quote(self, run: Run) -> tuple[Quote, dict[str, Any]]:
        """The quote to execute, and the record of its decision."""
        if run.quote_id is not None:
            offer = self._quotes.get(run.quote_id)
            offer.quote.check_price_impact(offer.price_impact_bps, run.max_price_impact_bps)
            return offer.quote, offer.decision
        quote, decision = self._router().best(run.token_in, run.token_out, run.amount_in, run.max_price_impact_bps)
        return quote, decision.dump()

    def _move(self, run: Run, trigger: Trigger, data: dict[str, Any], **options: Any) -> Run:
        """Moves the order and publishes the event."""
        try:
            moved = self._orders.move(run.order_id, run.run, trigger, run.attempt, data, **options)
        except StaleRun:
            # The order has ended: perhaps by an earlier try of this step that could not publish the end.
            self._publish_missed(run)
            raise
        if moved and moved[0].seq == run.published_seq + 1:
            event, listeners = moved
            self._publish([event], listeners)
            return replace(run, status=moved[0].status, published_seq=moved[0].seq)
        # An earlier try of a step was cut short after its move, perhaps before it published the event.
        published_seq = self._publish_missed(run)
        now = replace(run, status=moved[0].status) if moved else Run.of(self._orders.get(run.order_id))
        return replace(now, published_seq=published_seq)

    def _publish_missed(self, run: Run) -> int:
        """Publishes every event after `published_seq`. Returns the `seq` of the last one."""
        missed, listeners = self._orders.history(run.order_id, run.published_seq)
        self._publish(missed, listeners)
        return missed[-1].seq if missed else run.published_seq

    def _verdict(self, transaction: Transaction) -> Fill | None:
        """The fill; `None` for a transaction that has not swapped and never will. Raises `VenueUnavailable`."""
        try:
            fill = self._chain.confirm(transaction)
            if fill is None:
                # A node that refuses it, or answers with another signature, may have passed it on all the same.
                with suppress(Final):
                    self._chain.submit(transaction)
        except (Reroute, Final):
            return None
        if fill is None:
            raise VenueUnavailable(f"transaction {transaction.signature} may still land")
        return fill

    def _filled(self, run: Run, fill: Fill) -> Run:
        quoted = run.quoted_out or fill.amount_out
        # Above zero if less than the quote was paid. Rounded against the engine.
        realised_slippage_bps = -((fill.amount_out - quoted) * BPS // quoted)
        data = events.confirmed(run.token_in, run.token_out, fill, realised_slippage_bps)
        amounts = {"amount_out": fill.amount_out, "amount_spent": fill.amount_in, **fill.costs._asdict()}
        moved = self._move(run, Trigger.CONFIRM, data, linked_id=run.linked_id, **amounts)
        if run.linked_id is not None:
            self._publish(*self._orders.history(run.linked_id))
        return moved


def _signed(run: Run) -> Transaction:
    if run.transaction is None:
        raise ValueError(f"expected order {run.order_id} with a signed transaction")
    return run.transaction


def _message(cause: str) -> str:
    """The message in the cause of a Lambda function's error; any other cause as it stands."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause
