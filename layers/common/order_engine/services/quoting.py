"""Asks every venue for its pools, and finds the route through them that pays most."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from order_engine.dex import routing
from order_engine.dex.errors import DexError
from order_engine.dex.routing import Listing
from order_engine.domain.errors import (
    AmountTooSmall,
    EngineError,
    InsufficientLiquidity,
    NoRoute,
    Transient,
    VenueUnavailable,
)
from order_engine.domain.money import TOKENS, Token, format_amount, pool_token
from order_engine.domain.swaps import Quote
from order_engine.ports import Venue, planned
from order_engine.services.quote_views import decision_view

QUOTE_LIFETIME_SECONDS = 30.0

LEG_COST_LAMPORTS = 5_000
"""What one more swap in a transaction costs: priority fees for about 100 000 compute units, at 0.05 lamports each."""


class Quoted(NamedTuple):
    """The best quote, and how it was found, as clients see it."""

    quote: Quote
    decision: dict[str, Any]


class Quoting:
    """`deadline` in seconds is how long a venue may take; `now` gives Unix seconds; `log` keeps each decision."""

    def __init__(
        self,
        venues: Sequence[Venue],
        deadline: float,
        now: Callable[[], float] = time.time,
        log: Callable[[str, Mapping[str, Any]], None] = lambda message, details: None,
    ) -> None:
        self._venues = venues
        self._deadline = deadline
        self._log = log
        self._now = now
        # One thread each: a venue that hangs holds up itself alone.
        self._threads = {venue.name: ThreadPoolExecutor(1, f"quote-{venue.name}") for venue in venues}

    def quote(self, token_in: str, token_out: str, amount_in: int) -> Quoted:
        """The route that pays most now. `amount_in` in base units.

        Raises `VenueUnavailable` when no venue answers, `NoRoute`, `AmountTooSmall`, `InsufficientLiquidity`.
        """
        from_token, to_token = pool_token(token_in), pool_token(token_out)
        tokens = sorted({from_token, to_token, *routing.HUBS})
        listings, refusals = self._listings(tokens)
        try:
            found = routing.routes(listings, from_token, to_token, amount_in, int(self._now()), LEG_COST_LAMPORTS)
        except (routing.NoPath, routing.TooSmall, routing.TooLarge) as error:
            raise _verdict(error, refusals, TOKENS[token_in], TOKENS[token_out], amount_in) from None
        best = found[0]
        quote = Quote(
            token_in=token_in,
            token_out=token_out,
            amount_in=amount_in,
            amount_out=best.amount_out,
            swaps=planned(best),
            slot=max(leg.listing.slot for leg in best.legs),
            expires_at=self._now() + QUOTE_LIFETIME_SECONDS,
        )
        decision = decision_view(found, refusals)
        self._log("routed", decision)
        return Quoted(quote, decision)

    def _listings(self, tokens: Sequence[str]) -> tuple[list[Listing], dict[str, EngineError]]:
        """The pools of all venues, and by the name of a venue or the address of a pool why others are missing."""
        asked = {venue.name: self._threads[venue.name].submit(venue.pools, tokens) for venue in self._venues}
        wait(asked.values(), timeout=self._deadline)
        listings: list[Listing] = []
        refusals: dict[str, EngineError] = {}
        for name, answer in asked.items():
            if not answer.done():
                answer.cancel()
                refusals[name] = VenueUnavailable(f"{name} did not quote within {self._deadline:g} s")
                continue
            try:
                found = answer.result()
            except EngineError as error:
                refusals[name] = error
            else:
                listings += found.listings
                refusals |= found.unusable
        return listings, refusals


def _verdict(
    error: DexError, refusals: dict[str, EngineError], token_in: Token, token_out: Token, amount_in: int
) -> EngineError:
    """The router's error in the words of the order; worth a retry while a venue that is missing may come back."""
    pair = f"{token_in.symbol}-{token_out.symbol}"
    if any(isinstance(refusal, Transient) for refusal in refusals.values()):
        return VenueUnavailable("; ".join(str(refusal) for refusal in refusals.values()))
    match error:
        case routing.TooSmall(smallest=smallest):
            return AmountTooSmall(
                f"expected at least {format_amount(smallest, token_in)} {token_in.symbol} to be paid anything in"
                f" {token_out.symbol}, was {format_amount(amount_in, token_in)}"
            )
        case routing.TooLarge(largest=largest, amount_out=amount_out):
            return InsufficientLiquidity(
                f"expected at most {format_amount(largest, token_in)} {token_in.symbol}, for which the pools pay"
                f" {format_amount(amount_out, token_out)} {token_out.symbol}, was {format_amount(amount_in, token_in)}"
            )
    missing = "".join(f"; {name}: {refusal}" for name, refusal in refusals.items())
    return NoRoute(f"expected a pair with pools, or with pools over {'/'.join(routing.HUBS)}, was {pair}{missing}")
