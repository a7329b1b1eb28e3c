"""Examples of the API's errors, and their statuses."""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias, cast

from order_engine.api.errors import error_view, status_of
from order_engine.domain import errors
from order_engine.domain.errors import EngineError

_ORDER = "01a1fb19-a2ec-7b9b-9c78-6bfaf20752f6"
_QUOTE = "01a1fb19-a2da-76f7-9d1e-7ea613cb9529"
_WEBHOOK = "01a1fb30-1d2c-7c11-9a40-3b1f5c8e7d21"


class GatewayAnswer(Exception):
    """An answer of API Gateway itself, as the template words it. It is no error of the engine's."""

    status: ClassVar[int]
    details: ClassVar[list[dict[str, Any]]] = []

    @property
    def code(self) -> str:
        return type(self).__name__


class ServiceUnavailable(GatewayAnswer):
    """The service is busy or was interrupted. The request may have been carried out: repeat it."""

    status = 503


class Throttled(GatewayAnswer):
    """The requests of all clients exceed the stage's rate."""

    status = 429
    details: ClassVar[list[dict[str, Any]]] = [{"retryAfter": 1}]


Kind: TypeAlias = type[EngineError] | type[GatewayAnswer]

EXAMPLES: tuple[EngineError | GatewayAnswer, ...] = (
    errors.InvalidJson("expected a JSON object, was JSON that ends too early"),
    errors.InvalidOrder([{"field": "amountIn", "message": "expected an amount above zero, was '0'"}]),
    errors.InvalidRequest([{"field": "limit", "message": 'expected an integer from 1 to 100, was "0"'}]),
    errors.Unauthorized("expected a valid API key, sent as Authorization: Bearer KEY"),
    errors.ScopeMissing("trade", "read"),
    errors.OriginNotAllowed("expected a page of http://localhost:3000, was https://elsewhere.example"),
    errors.UnknownAction("expected an action among cancel, execute, ping, subscribe, unsubscribe, was 'buy'"),
    errors.OrderNotFound(f"no order with id {_ORDER}"),
    errors.KeyNotFound("no key with id 01a1fa72-0b07-7468-9d18-a3aa29f91511"),
    errors.QuoteNotFound(f"no quote with id {_QUOTE}"),
    errors.WebhookNotFound(f"no webhook with id {_WEBHOOK}"),
    errors.WebhookExists("expected a URL without a webhook, was https://example.com/orders"),
    errors.TooManyWebhooks("more than 10 webhooks"),
    errors.NotFound("the simulated market has no wallet"),
    errors.QuoteExpired("the quote expired 4.2 s ago"),
    errors.QuoteUsed(f"expected a quote that no order has executed, was quote {_QUOTE} of order {_ORDER}"),
    errors.TooLateToCancel("the order is already submitted and cannot be cancelled"),
    errors.NotOpen("expected an open order, was one that is pending"),
    errors.PayloadTooLarge("expected at most 32768 bytes, was 32769"),
    errors.UnsupportedMediaType("expected Content-Type: application/json, was 'text/plain'"),
    errors.IdempotencyKeyReused(
        [{"field": "amountIn", "message": f"expected 1.5 SOL as in order {_ORDER}, was 2 SOL"}]
    ),
    errors.RateLimited("more than 100 orders a minute; retry in 12 s", 12),
    Throttled("too many requests from all clients; retry in 1 s"),
    errors.TooManyConnections("more than 50 open connections"),
    errors.TooManySubscriptions("more than 100 orders on one connection that have not ended"),
    errors.NoRoute("no pools for JUP-BONK, neither directly nor over SOL, USDC, USDT"),
    errors.AmountTooSmall(
        "expected at least 0.000000007 SOL, the least that pays anything in USDC, was 0.000000001 SOL"
    ),
    errors.InsufficientLiquidity(
        "expected at most 18446743241207.706001 RAY, for which the pools pay 11656.6048343 SOL, was 18446744073709 RAY"
    ),
    errors.PriceImpactTooHigh(
        "expected a price impact of at most 500 bps, was 3358 bps: 50000 SOL would receive 5625000 USDC; to accept"
        " that, set maxPriceImpactBps to 3358 or more"
    ),
    errors.OrderTooLarge("expected an order worth at most 1000000 USDC, was 9000 SOL, worth 1527300 USDC"),
    errors.InsufficientFunds("expected at least 1.5 SOL in the engine's wallet, was 0.25 SOL"),
    errors.SlippageExceeded("Raydium CP-Swap refused the transaction: ExceededSlippage"),
    errors.ChainRefused("the chain refused the transaction: AccountInUse"),
    errors.VenueUnavailable("raydium did not quote within 2 s; meteora did not quote within 2 s"),
    errors.StoreUnavailable("Postgres does not answer"),
    ServiceUnavailable("the key cannot be checked now; retry in 1 s"),
)


def example(kind: Kind) -> dict[str, Any]:
    """An OpenAPI Example of the answer to an error of that class."""
    (error,) = (error for error in EXAMPLES if type(error) is kind)
    return {"summary": _meaning(kind), "value": error_view(cast(EngineError, error))}


def by_status(kinds: tuple[Kind, ...]) -> dict[int, list[Kind]]:
    """The error classes by the HTTP status that they are answered with."""
    found: dict[int, list[Kind]] = {}
    for kind in kinds:
        (error,) = (error for error in EXAMPLES if type(error) is kind)
        status = error.status if isinstance(error, GatewayAnswer) else status_of(error)
        found.setdefault(status, []).append(kind)
    return dict(sorted(found.items()))


def _meaning(kind: Kind) -> str:
    return (kind.__doc__ or "").partition(". ")[0].rstrip(".") + "."
