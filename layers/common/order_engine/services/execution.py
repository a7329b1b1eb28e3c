"""Runs one order: route, build, submit, confirm, fail. Each method of `Execution` is one state of the state machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from order_engine.dex.swaps import min_out
from order_engine.domain.errors import TRIES, Final, Reroute, StaleRun, Transient, VenueUnavailable, kind
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.domain.money import BPS, TOKENS, amounts, format_price
from order_engine.domain.orders import Event, Order
from order_engine.domain.swaps import Fill, Quote, Transaction
from order_engine.ports import Chain
from order_engine.services.quoting import Quoting
from order_engine.storage.orders import OrderStore
from order_engine.storage.quotes import QuoteStore


@dataclass(frozen=True, slots=True)
class Run:
    """An order on its way through the state machine, by the execution named `run`. Amounts in base units.

    `quote_id` names the only quote that it may be executed at, if it was ordered so. `told` is the `seq` up to
    which the order's listeners have certainly heard of its events.
    """

    order_id: UUID
    run: str
    status: Status
    attempt: int
    token_in: str
    token_out: str
    amount_in: int
    slippage_bps: int
    quote_id: UUID | None = None
    told: int = 0
    quoted_out: int | None = None
    quote: Quote | None = None
    transaction: Transaction | None = None

    @classmethod
    def of(cls, order: Order) -> Self:
        """The run that has claimed the order."""
        if order.run is None:
            raise ValueError(f"expected order {order.id} to be claimed by a run")
        return cls(
            order_id=order.id,
            run=order.run,
            status=order.status,
            attempt=order.attempt,
            token_in=order.token_in,
            token_out=order.token_out,
            amount_in=order.amount_in,
            slippage_bps=order.slippage_bps,
            quote_id=order.quote_id,
            # A run that died may have left an event that nobody was told of.
            told=1 if order.status is Status.PENDING else 0,
            quoted_out=order.quoted_out,
            transaction=Transaction.from_json(order.transaction) if order.transaction else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Amounts as strings."""
        return {
            "order_id": str(self.order_id),
            "run": self.run,
            "status": self.status,
            "attempt": self.attempt,
            "token_in": self.token_in,
            "token_out": self.token_out,
            "amount_in": str(self.amount_in),
            "slippage_bps": self.slippage_bps,
            "quote_id": str(self.quote_id) if self.quote_id else None,
            "told": self.told,
            "quoted_out": None if self.quoted_out is None else str(self.quoted_out),
            "quote": self.quote.to_json() if self.quote else None,
            "transaction": self.transaction.to_json() if self.transaction else None,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any], attempt: int) -> Self:
        """`attempt` is counted by the state machine."""
        return cls(
            **{
                **value,
                "order_id": UUID(value["order_id"]),
                "status": Status(value["status"]),
                "attempt": attempt,
                "amount_in": int(value["amount_in"]),
                "quote_id": UUID(value["quote_id"]) if value["quote_id"] else None,
                "quoted_out": None if value["quoted_out"] is None else int(value["quoted_out"]),
                "quote": Quote.from_json(value["quote"]) if value["quote"] else None,
                "transaction": Transaction.from_json(value["transaction"]) if value["transaction"] else None,
            }
        )


class Execution:
    """`publish` tells the world, and the order's listeners, of an event that was committed.

    Every method may raise `StoreUnavailable` or `StaleRun`. Every one may be called again after it was cut short, and
    then ends as if it had run once.
    """

    def __init__(
        self,
        orders: OrderStore,
        quotes: QuoteStore,
        quoting: Quoting,
        chain: Chain,
        publish: Callable[[Event, Sequence[str]], None],
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._quoting = quoting
        self._chain = chain
        self._publish = publish

    def route(self, run: Run) -> Run:
        """Finds the route that pays most, or takes the quote that the order names.

        Raises `VenueUnavailable` when no venue answers in time, `NoRoute`, `AmountTooSmall`,
        `InsufficientLiquidity`.
        """
        if run.quote_id is None:
            quote, decision = self._quoting.quote(run.token_in, run.token_out, run.amount_in)
        else:
            stored = self._quotes.get(run.quote_id)
            quote, decision = stored.quote, {"quoteId": str(run.quote_id), **stored.decision}
        data = {**amounts("amountOut", quote.amount_out, TOKENS[run.token_out]), **decision}
        moved = self._move(run, Trigger.QUOTED, data, venue=quote.venue, quoted_out=quote.amount_out)
        return replace(moved, quoted_out=quote.amount_out, quote=quote, transaction=None)

    def build(self, run: Run) -> Run:
        """Signs the transaction and stores it, before anything is sent. Raises `QuoteExpired`."""
        if run.quote is None:
            raise ValueError(f"expected order {run.order_id} with a quote")
        quote = run.quote
        transaction = self._chain.build(quote, min_out(quote.amount_out, run.slippage_bps))
        data = {
            "venue": quote.venue,
            **amounts("minOut", transaction.min_out, TOKENS[run.token_out]),
            "instructions": transaction.instructions,
            "txHash": transaction.signature,
        }
        moved = self._move(
            run,
            Trigger.BUILT,
            data,
            # Once more: a Route that was given up on may have come late and left its own.
            venue=quote.venue,
            quoted_out=quote.amount_out,
            min_out=transaction.min_out,
            tx_hash=transaction.signature,
            transaction=transaction.to_json(),
        )
        # A move that was made before has its own transaction stored, and no other may be sent.
        return moved if moved.transaction else replace(moved, transaction=transaction)

    def submit(self, run: Run) -> Run:
        """Sends the transaction. Raises `QuoteExpired` when it was never sent and is too old now.

        The order is `submitted` before anything is sent: whoever finds it `building` knows that nothing was.
        """
        transaction = _signed(run)
        moved = self._move(run, Trigger.SENT, {"venue": transaction.venue, "txHash": transaction.signature})
        self._chain.submit(transaction)
        return moved

    def confirm(self, run: Run) -> Run:
        """Waits for the result and records what was really filled.

        Raises `SlippageExceeded` or `QuoteExpired` once the transaction can no longer land.
        """
        return self._filled(run, self._await_fill(_signed(run)))

    def fail(self, run: Run, error: dict[str, str]) -> Run:
        """Ends the order with the reason that the state machine caught: `{"Error", "Cause"}`.

        An order whose transaction may have landed ends by what the chain says, or not at all for now: then this
        raises `VenueUnavailable`.
        """
        order = self._orders.get(run.order_id)
        caught = kind(error["Error"])
        if order.status is Status.SUBMITTED and order.transaction and not (caught and issubclass(caught, Reroute)):
            try:
                return self._filled(run, self._await_fill(Transaction.from_json(order.transaction)))
            except Reroute:
                pass  # It has not landed and never will.
        reason = _reason(error["Cause"])
        data = {
            "code": error["Error"] if caught else "InternalError",
            "message": reason if caught else f"{error['Error']}: {reason}",
            # The state machine gives up on any other error only after so many tries.
            "attempts": run.attempt if caught and not issubclass(caught, Transient) else TRIES,
            # The quote that an order names is gone for good.
            "retryable": not (caught and issubclass(caught, (Final, Reroute) if run.quote_id else Final)),
        }
        # A step that was given up on may send the transaction meanwhile: then it is not for this verdict any more.
        return self._move(run, Trigger.GAVE_UP, data, seen=order.status, error=data)

    def _move(self, run: Run, trigger: Trigger, data: dict[str, Any], **columns: Any) -> Run:
        try:
            moved = self._orders.move(run.order_id, run.run, trigger, run.attempt, data, **columns)
        except StaleRun:
            # Ended, perhaps by an earlier try that could not tell; or while this run was telling of its last move.
            self._tell(run)
            raise
        if moved and moved[0].seq == run.told + 1:
            self._publish(*moved)
            return replace(run, status=moved[0].status, told=moved[0].seq)
        # A step was cut short after its move, and perhaps before anyone was told.
        told = self._tell(run)
        now = replace(run, status=moved[0].status) if moved else Run.of(self._orders.get(run.order_id))
        return replace(now, told=told)

    def _tell(self, run: Run) -> int:
        """Tells all that listeners may not have heard of. The last `seq` of it."""
        events, listeners = self._orders.history(run.order_id, run.told)
        for event in events:
            self._publish(event, listeners)
        return events[-1].seq if events else run.told

    def _await_fill(self, transaction: Transaction) -> Fill:
        fill = self._chain.confirm(transaction)
        if fill is None:
            # A run died between recording and sending. The same signature may be sent any number of times.
            self._chain.submit(transaction)
            fill = self._chain.confirm(transaction)
        if fill is None:
            raise VenueUnavailable(f"the chain has not seen transaction {transaction.signature} yet")
        return fill

    def _filled(self, run: Run, fill: Fill) -> Run:
        token_in, token_out = TOKENS[run.token_in], TOKENS[run.token_out]
        quoted = run.quoted_out or fill.amount_out
        data = {
            "txHash": fill.signature,
            "slot": fill.slot,
            **amounts("amountIn", fill.amount_in, token_in),
            **amounts("amountOut", fill.amount_out, token_out),
            "executedPrice": format_price(fill.amount_in, token_in, fill.amount_out, token_out),
            # Above zero: less than quoted. Rounded against the engine.
            "realisedSlippageBps": -((fill.amount_out - quoted) * BPS // quoted),
        }
        return self._move(run, Trigger.FILLED, data, amount_out=fill.amount_out)


def _signed(run: Run) -> Transaction:
    if run.transaction is None:
        raise ValueError(f"expected order {run.order_id} with a signed transaction")
    return run.transaction


def _reason(cause: str) -> str:
    """The message in a cause: of a Lambda function's error, or as it stands."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause
