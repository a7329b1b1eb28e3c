"""The engine's errors. The base class says what to do: change the request, retry, quote again, or stop.

A class name is the `code` that clients see and the `ErrorEquals` name that the state machine matches.
"""

from __future__ import annotations

from typing import Any

MAX_ATTEMPTS = 3
"""How often a step is tried after `Transient` errors, and how often an order is routed after `Reroute` errors."""


class EngineError(Exception):
    """Any error that the engine raises on purpose."""

    @property
    def code(self) -> str:
        return type(self).__name__

    @property
    def details(self) -> list[dict[str, Any]]:
        return []


class Rejected(EngineError):
    """The engine can't serve this request. Stop, and change the request."""


class InvalidJson(Rejected):
    """The body is not a JSON object."""


class InvalidRequest(Rejected):
    """Parts of the request are malformed. `problems` holds one entry per field."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(f"{problem['field']}: {problem['message']}" for problem in problems))
        self.problems = problems

    @property
    def details(self) -> list[dict[str, Any]]:
        return self.problems


class InvalidOrder(InvalidRequest):
    """The order can't be executed as it is written."""


class IdempotencyKeyReused(InvalidRequest):
    """The key or the `clientOrderId` belongs to another order. `problems` lists the differences."""


class Unauthorized(Rejected):
    """The request has no valid credentials."""


class ScopeMissing(Rejected):
    """The key may not do this: it needs a key of another scope."""

    def __init__(self, needed: str, scope: str) -> None:
        super().__init__(f"expected a key with the scope {needed}, was one with the scope {scope}")
        self.needed = needed
        self.scope = scope

    @property
    def details(self) -> list[dict[str, Any]]:
        return [{"neededScope": self.needed, "scope": self.scope}]


class OriginNotAllowed(Rejected):
    """Pages of this origin may not connect."""


class RateLimited(Rejected):
    """The client has reached its limit of orders or quotes a minute. `retry_after` is in whole seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def details(self) -> list[dict[str, Any]]:
        return [{"retryAfter": self.retry_after}]


class TooManyConnections(Rejected):
    """The client has reached its limit of WebSocket connections."""


class TooManySubscriptions(Rejected):
    """The connection has reached its limit of subscriptions to orders that have not ended."""


class PayloadTooLarge(Rejected):
    """The body is larger than any order can be."""


class UnsupportedMediaType(Rejected):
    """The body is not declared as JSON."""


class UnknownAction(Rejected):
    """A WebSocket message asks for an action that does not exist."""


class OrderNotFound(Rejected):
    """The client has no order with this id."""


class KeyNotFound(Rejected):
    """The client has no API key with this id."""


class QuoteNotFound(Rejected):
    """The client has no quote with this id."""


class QuoteUsed(Rejected):
    """Another order has the transaction of the quote, which swaps once."""


class WebhookNotFound(Rejected):
    """The client has no webhook with this id."""


class WebhookExists(Rejected):
    """The client has a webhook with this URL."""


class TooManyWebhooks(Rejected):
    """The client has reached its limit of webhooks."""


class TooLateToCancel(Rejected):
    """The order's transaction may have been sent, or the order has ended."""


class NotOpen(Rejected):
    """The order's terms can't be replaced: it runs, or it has ended."""


class NotFound(Rejected):
    """Nothing is at this path."""


class Transient(EngineError):
    """A temporary failure. Retry the same step, with backoff."""


class VenueUnavailable(Transient):
    """No venue answered, or the venue of the transaction did not."""


class StoreUnavailable(Transient):
    """Postgres, the authority, does not answer."""


class Reroute(EngineError):
    """The market has moved, and the transaction can no longer land. Quote again."""


class SlippageExceeded(Reroute):
    """The swap would have paid less than `minOut`, so the chain refused it."""


class QuoteExpired(Reroute):
    """The quote, or the transaction built on it, is too old to be sent."""


class Final(EngineError):
    """Trying again can't help. Stop, and fail the order."""


class NoRoute(Final):
    """No venue has a pool for the pair, or the market lacks one of its tokens."""


class AmountTooSmall(Final):
    """The amount is too small to buy a single base unit."""


class InsufficientLiquidity(Final):
    """The pools hold too little for the amount."""


class PriceImpactTooHigh(Final):
    """The best route moves the price further than the order allows."""


class LimitNotMet(Final):
    """The best route pays less than the order's limit. The order waits again."""


class NoSliceFilled(Final):
    """Every slice of the recurring order has ended, and none was filled."""


class OrderTooLarge(Final):
    """The order is worth more than the engine accepts."""


class NotAMint(Final):
    """Nothing at this address is a mint of the market."""


class RiskyMint(Final):
    """The mint can freeze its holders' accounts, or has extensions, and the order does not allow that."""


class CorruptPool(Final):
    """A pool has an impossible state. The router leaves it out."""


class UnsupportedPool(Final):
    """A pool does not trade now, or has a feature that the quote maths lacks. The router leaves it out."""


class InsufficientFunds(Final):
    """The wallet that pays holds too little for the order, its fees and its token accounts."""


class ChainRefused(Final):
    """The transaction failed on chain, or in its simulation, for another reason than the price."""


class SignatureMismatch(Final):
    """The node answered with another signature than that of the transaction that was sent to it."""


class StaleRun(Final):
    """The order has ended, or another run has taken it over. Leave the order as it is."""


MAY_PASS = (Transient, Reroute, NoRoute, InsufficientLiquidity, PriceImpactTooHigh, LimitNotMet)
"""The market does not offer what an order asks for, or does not answer, and may later. An order with a limit waits."""


def error_class(code: str) -> type[EngineError] | None:
    """The error class with this name; `None` for any other name, such as `States.Timeout`."""
    known: list[type[EngineError]] = [EngineError]
    for base in known:
        if base.__name__ == code:
            return base
        known.extend(base.__subclasses__())
    return None
