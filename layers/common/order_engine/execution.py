"""Runs one order: route, build, submit, confirm, fail. Each method of `Execution` is one state of the state machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from .dex import routing
from .dex.constant_product import min_out
from .domain.errors import TRIES, EngineError, Final, Reroute, StaleRun, Transient, VenueUnavailable, kind
from .domain.lifecycle import Status, Trigger
from .domain.money import BPS, TOKENS, format_amount, format_price
from .domain.orders import Event, Order
from .storage.orders import OrderStore
from .venues.base import Fill, Quote, Transaction, Venue


@dataclass(frozen=True, slots=True)
class Run:
    """An order on its way through the state machine, by the execution named `run`. Amounts in base units.

    `told` is the `seq` up to which the order's listeners have certainly heard of its events.
    """

    order_id: UUID
    run: str
    status: Status
    attempt: int
    token_in: str
    token_out: str
    amount_in: int
    slippage_bps: int
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
        venues: Sequence[Venue],
        publish: Callable[[Event, Sequence[str]], None],
        quote_deadline: float,
    ) -> None:
        self._orders = orders
        self._venues = {venue.name: venue for venue in venues}
        self._publish = publish
        self._quote_deadline = quote_deadline
        # One thread each: a venue that hangs holds up itself alone.
        self._threads = {venue.name: ThreadPoolExecutor(1, f"quote-{venue.name}") for venue in venues}

    def route(self, run: Run) -> Run:
        """Quotes every venue at once and takes the best. Raises `VenueUnavailable` when none answers in time."""
        quotes, refusals = self._quotes(run)
        if not quotes:
            raise _verdict(refusals)
        best = routing.best(quotes)
        data = {
            "venue": best.venue,
            "reason": routing.reason(quotes),
            "quotes": [_quote_view(quote) for quote in quotes],
            "unavailable": [
                {"venue": name, "code": error.code, "message": str(error)} for name, error in refusals.items()
            ],
        }
        moved = self._move(run, Trigger.QUOTED, data, venue=best.venue, quoted_out=best.amount_out)
        return replace(moved, quoted_out=best.amount_out, quote=best, transaction=None)

    def build(self, run: Run) -> Run:
        """Signs the transaction and stores it, before anything is sent. Raises `QuoteExpired`."""
        if run.quote is None:
            raise ValueError(f"expected order {run.order_id} with a quote")
        quote = run.quote
        transaction = self._venues[quote.venue].build(quote, min_out(quote.amount_out, run.slippage_bps))
        data = {
            "venue": quote.venue,
            "minOut": format_amount(transaction.min_out, TOKENS[run.token_out]),
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
        self._venues[transaction.venue].submit(transaction)
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
            "retryable": not (caught and issubclass(caught, Final)),
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

    def _quotes(self, run: Run) -> tuple[list[Quote], dict[str, EngineError]]:
        """What the venues offer, and why the others don't."""
        asked = {
            name: self._threads[name].submit(venue.quote, run.token_in, run.token_out, run.amount_in)
            for name, venue in self._venues.items()
        }
        wait(asked.values(), timeout=self._quote_deadline)
        quotes: list[Quote] = []
        refusals: dict[str, EngineError] = {}
        for name, answer in asked.items():
            if not answer.done():
                answer.cancel()
                refusals[name] = VenueUnavailable(f"{name} did not quote within {self._quote_deadline:g} s")
                continue
            try:
                quotes.append(answer.result())
            except EngineError as error:
                refusals[name] = error
        return quotes, refusals

    def _await_fill(self, transaction: Transaction) -> Fill:
        venue = self._venues[transaction.venue]
        fill = venue.confirm(transaction)
        if fill is None:
            # A run died between recording and sending. The same signature may be sent any number of times.
            venue.submit(transaction)
            fill = venue.confirm(transaction)
        if fill is None:
            raise VenueUnavailable(f"{venue.name} has not seen transaction {transaction.signature} yet")
        return fill

    def _filled(self, run: Run, fill: Fill) -> Run:
        token_in, token_out = TOKENS[run.token_in], TOKENS[run.token_out]
        quoted = run.quoted_out or fill.amount_out
        data = {
            "txHash": fill.signature,
            "amountIn": format_amount(fill.amount_in, token_in),
            "amountOut": format_amount(fill.amount_out, token_out),
            "executedPrice": format_price(fill.amount_in, token_in, fill.amount_out, token_out),
            # Above zero: less than quoted. Rounded against the engine.
            "realisedSlippageBps": -((fill.amount_out - quoted) * BPS // quoted),
        }
        return self._move(run, Trigger.FILLED, data, amount_out=fill.amount_out)


def _signed(run: Run) -> Transaction:
    if run.transaction is None:
        raise ValueError(f"expected order {run.order_id} with a signed transaction")
    return run.transaction


def _quote_view(quote: Quote) -> dict[str, Any]:
    token_in, token_out = TOKENS[quote.token_in], TOKENS[quote.token_out]
    return {
        "venue": quote.venue,
        "pool": quote.pool,
        "amountOut": format_amount(quote.amount_out, token_out),
        "price": format_price(quote.amount_in, token_in, quote.amount_out, token_out),
        "fee": format_amount(quote.fee, token_in),
        "feeBps": quote.fee_bps,
        "priceImpactBps": quote.price_impact_bps,
    }


def _verdict(refusals: dict[str, EngineError]) -> EngineError:
    """One error for all venues: worth a retry if one of them is."""
    message = "; ".join(str(error) for error in refusals.values())
    if any(isinstance(error, Transient) for error in refusals.values()):
        return VenueUnavailable(message)
    return type(next(iter(refusals.values())))(message)


def _reason(cause: str) -> str:
    """The message in a cause: of a Lambda function's error, or as it stands."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause
