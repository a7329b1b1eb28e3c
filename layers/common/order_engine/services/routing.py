"""Asks the venues for their pools and finds the route through them that pays most."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from order_engine.dex import routing
from order_engine.dex.errors import DexError
from order_engine.dex.liquidity import liquidity
from order_engine.dex.routing import Limits, Paths, Route
from order_engine.dex.worth import worth, worth_at_most
from order_engine.domain.decisions import Decision
from order_engine.domain.errors import (
    AmountTooSmall,
    EngineError,
    InsufficientLiquidity,
    NoRoute,
    OrderTooLarge,
    PriceImpactTooHigh,
    Transient,
    VenueUnavailable,
)
from order_engine.domain.money import describe
from order_engine.domain.quotes import QUOTE_LIFETIME_SECONDS, PlannedSwap, Quote
from order_engine.domain.tokens import TOKENS, Token, pool_token, token
from order_engine.ports import PoolList, Venue
from order_engine.services.decisions import decide

LEG_COST_LAMPORTS = 5_000
"""What one more swap in a transaction costs: priority fees for about 100 000 compute units, at 0.05 lamports each."""


class Router:
    """`venue` answers for all of them; `now` gives Unix seconds; `log` keeps the decisions that no order keeps.

    `limits` are those of the chain's transactions, if it has any. `max_order_value` is the most that an order may be
    worth, in base units of USDC at the pools' spot prices; 0 is no limit.
    """

    def __init__(
        self,
        venue: Venue,
        now: Callable[[], float] = time.time,
        log: Callable[[str, Mapping[str, Any]], None] = lambda message, details: None,
        max_order_value: int = 0,
        limits: Limits | None = None,
    ) -> None:
        self._venue = venue
        self._log = log
        self._max_order_value = max_order_value
        self._limits = limits
        self._now = now

    def best(self, token_in: str, token_out: str, amount_in: int, max_price_impact_bps: int) -> tuple[Quote, Decision]:
        """`Snapshot.best` of the pools as they are now. Raises what that and `Venue.pools` raise."""
        return self.read((token_in, token_out)).best(token_in, token_out, amount_in, max_price_impact_bps)

    def read(self, tokens: Iterable[str]) -> Snapshot:
        """The pools between these tokens as they are now, for any number of quotes. Raises what `Venue.pools` raises.

        The limits of transactions know the pools of the last reading only: no quote may follow a later one.
        """
        pools = self._venue.pools(sorted({*map(pool_token, tokens), *routing.HUBS}))
        return Snapshot(pools, self._now(), self._log, self._max_order_value, self._limits)


class Snapshot:
    """Pools as they were read at `read_at`, in Unix seconds. `Router.read` makes it, and says what the rest is."""

    def __init__(
        self,
        pools: PoolList,
        read_at: float,
        log: Callable[[str, Mapping[str, Any]], None],
        max_order_value: int,
        limits: Limits | None,
    ) -> None:
        self._listings, self._missing, now = pools
        self._now = int(read_at) if now is None else now
        self._read_at = read_at
        self._log = log
        self._max_order_value = max_order_value
        self._limits = limits
        self._paths: dict[tuple[str, str], Paths] = {}

    @property
    def is_complete(self) -> bool:
        """Whether it has all that venues have: what is missing, if anything, stays so."""
        return not self.absent

    @property
    def absent(self) -> Mapping[str, EngineError]:
        """What is missing for the moment, and why, by the address of a pool or the name of a venue."""
        return {name: reason for name, reason in self._missing.items() if isinstance(reason, Transient)}

    def best(self, token_in: str, token_out: str, amount_in: int, max_price_impact_bps: int) -> tuple[Quote, Decision]:
        """The route that pays most, and why. `amount_in` in base units.

        Raises `VenueUnavailable` when a venue that does not answer may change a refusal; `NoRoute`, `AmountTooSmall`,
        `InsufficientLiquidity`, `PriceImpactTooHigh`, `OrderTooLarge`.
        """
        try:
            routes = self.paths(token_in, token_out).routes(amount_in)
        except (routing.NoPath, routing.TooSmall, routing.TooLarge, routing.DoesNotFit) as error:
            raise self.unless_missing(
                _refusal(error, self._missing, token(token_in), token(token_out), amount_in)
            ) from None
        best = routes[0]
        quote = Quote(
            token_in=token_in,
            token_out=token_out,
            amount_in=amount_in,
            amount_out=best.amount_out,
            swaps=_swaps(best),
            slot=max(leg.listing.slot for leg in best.legs),
            expires_at=self._read_at + QUOTE_LIFETIME_SECONDS,
        )
        decision = decide(routes, amount_in, self._missing)
        try:
            quote.check_price_impact(decision.price_impact_bps, max_price_impact_bps)
            self._check_value(token(token_in), amount_in)
        except (PriceImpactTooHigh, OrderTooLarge) as error:
            self._log("refused", decision.dump())
            raise self.unless_missing(error) from None
        return quote, decision

    def quote(self, token_in: str, token_out: str, amount_in: int, max_price_impact_bps: int) -> Route | None:
        """The route of `best`, without the comparison; `None` where the market has none.

        What the order is worth is not looked at.
        """
        try:
            route = self.paths(token_in, token_out).best(amount_in)
        except routing.NoPath:
            return None
        return route if route is not None and route.price_impact_bps <= max_price_impact_bps else None

    def paths(self, token_in: str, token_out: str) -> Paths:
        """The paths between two tokens. Raises `NoPath`."""
        tokens = pool_token(token_in), pool_token(token_out)
        if tokens not in self._paths:
            self._paths[tokens] = Paths(self._listings, *tokens, self._now, LEG_COST_LAMPORTS, self._limits)
        return self._paths[tokens]

    def liquidity(self, token: str, unit: str) -> int:
        """What the deepest pool of a token holds, as `dex.liquidity.liquidity` counts it, in base units of `unit`."""
        return liquidity(self._listings, pool_token(token), pool_token(unit))

    def _check_value(self, token_in: Token, amount_in: int) -> None:
        """Raises `OrderTooLarge` for an order that is worth more than the limit, or whose value is unknown."""
        if not self._max_order_value:
            return
        order = self._listings, amount_in, pool_token(token_in.symbol), "USDC"
        for valuation in worth_at_most, worth:
            value = valuation(*order)
            if value is not None and value <= self._max_order_value:
                return
        usdc = TOKENS["USDC"]
        raise OrderTooLarge(
            f"expected an order worth at most {describe(self._max_order_value, usdc)},"
            f" was {describe(amount_in, token_in)},"
            f" {'which no pools value in USDC' if value is None else f'worth {describe(value, usdc)}'}"
        )

    def unless_missing(self, error: EngineError) -> EngineError:
        """The error, or a transient one while a missing venue may come back and change the route."""
        if self.is_complete:
            return error
        return VenueUnavailable("; ".join(str(reason) for reason in self._missing.values()))


def _swaps(route: Route) -> tuple[PlannedSwap, ...]:
    """The route's swaps, in order."""
    return tuple(
        PlannedSwap(
            leg.listing.venue, leg.listing.id, hop.token_in, hop.token_out, leg.swap.amount_in, leg.swap.amount_out
        )
        for hop in route.hops
        for leg in hop.legs
    )


def _refusal(
    error: DexError, missing: Mapping[str, EngineError], token_in: Token, token_out: Token, amount_in: int
) -> EngineError:
    """The routing error in terms of the order."""
    pair = f"{token_in.symbol}-{token_out.symbol}"
    match error:
        case routing.TooSmall(smallest=smallest):
            return AmountTooSmall(
                f"expected at least {describe(smallest, token_in)}, the least that pays anything in"
                f" {token_out.symbol}, was {describe(amount_in, token_in)}"
            )
        case routing.TooLarge(largest=largest, amount_out=amount_out):
            return InsufficientLiquidity(
                f"expected at most {describe(largest, token_in)}, for which the pools pay"
                f" {describe(amount_out, token_out)}, was {describe(amount_in, token_in)}"
            )
        case routing.DoesNotFit():
            return NoRoute(f"expected a route for {pair} that fits in a transaction, was none")
    details = "".join(f"; {name}: {reason}" for name, reason in missing.items())
    return NoRoute(f"no pools for {pair}, neither directly nor over {', '.join(routing.HUBS)}{details}")
