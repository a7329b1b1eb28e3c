"""What can go wrong, by what the caller should do about it.

A class name is the `code` that clients see and the `ErrorEquals` name that the state machine matches.
"""

from __future__ import annotations

from typing import Any

MAX_ATTEMPTS = 3
"""How often a step is tried on a `Transient` error, and how often an order is quoted on a `Reroute` error."""


class EngineError(Exception):
    """Any error that the engine raises on purpose."""

    @property
    def code(self) -> str:
        return type(self).__name__

    @property
    def details(self) -> list[dict[str, Any]]:
        return []


class Rejected(EngineError):
    """The engine can't serve the request as it is. Stop, and change the request."""


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
    """The key, or the `clientOrderId`, came with another order before. `problems` says where the two differ."""


class Unauthorized(Rejected):
    """The request has no valid credentials."""


class OriginNotAllowed(Rejected):
    """Pages of this origin may not connect."""


class RateLimited(Rejected):
    """The client has submitted as many orders as it may for now. `retry_after` in whole seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def details(self) -> list[dict[str, Any]]:
        return [{"retryAfter": self.retry_after}]


class TooManyConnections(Rejected):
    """The client has as many WebSocket connections as it may."""


class TooManySubscriptions(Rejected):
    """The connection listens to as many running orders as it may."""


class PayloadTooLarge(Rejected):
    """The body is larger than any order can be."""


class UnsupportedMediaType(Rejected):
    """The body is not declared as JSON."""


class UnknownAction(Rejected):
    """A WebSocket message asks for an action that does not exist."""


class OrderNotFound(Rejected):
    """The client has no order with this id."""


class QuoteNotFound(Rejected):
    """The client has no quote with this id."""


class TooLateToCancel(Rejected):
    """The order's transaction may have been sent, or the order has ended."""


class NotFound(Rejected):
    """Nothing is at this path."""


class Transient(EngineError):
    """Something is out of order for a moment. Retry the same step, with backoff."""


class VenueUnavailable(Transient):
    """No venue answered, or the one that holds the transaction did not."""


class StoreUnavailable(Transient):
    """Postgres, the authority, does not answer."""


class Reroute(EngineError):
    """The market moved on, and the transaction can no longer land. Quote again."""


class SlippageExceeded(Reroute):
    """The swap would have paid less than `minOut`, so the chain refused it."""


class QuoteExpired(Reroute):
    """The quote, or the transaction built on it, is too old to be sent."""


class Final(EngineError):
    """Trying again can't help. Stop, and fail the order."""


class NoRoute(Final):
    """No venue has a pool for the pair."""


class AmountTooSmall(Final):
    """The swap would pay nothing."""


class InsufficientLiquidity(Final):
    """The pools can't pay as much."""


class CorruptPool(Final):
    """A pool is in an impossible state. It is left out."""


class StaleRun(Final):
    """The order has ended, or another run has taken it over. Leave it alone."""


def error_class(code: str) -> type[EngineError] | None:
    """The class with that name; `None` for a name that is not the engine's, such as `States.Timeout`."""
    known: list[type[EngineError]] = [EngineError]
    for base in known:
        if base.__name__ == code:
            return base
        known.extend(base.__subclasses__())
    return None
