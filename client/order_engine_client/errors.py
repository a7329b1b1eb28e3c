"""What goes wrong between a client and the service. Every error is a `ClientError`."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """A request without the answer that was asked for."""


class Unreachable(ClientError):
    """The service did not answer, or the answer is not in the service's format."""


class Refused(ClientError):
    """The service answered with an error.

    `code` is one of those in the API's description, which says more than the class. `details` has `{"field",
    "message"}` for each wrong field, and `{"retryAfter": seconds}` where waiting helps.
    """

    def __init__(self, status: int, code: str, message: str, details: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details

    @property
    def retry_after(self) -> int | None:
        """For how many seconds to wait, if the service says so."""
        return next((detail["retryAfter"] for detail in self.details if "retryAfter" in detail), None)


class BadRequest(Refused):
    """The request is malformed, or fields of it are missing, unknown or wrong."""


class AccessDenied(Refused):
    """The key is missing or not valid, or does not permit this."""


class NotFound(Refused):
    """You have nothing with this id."""


class Conflict(Refused):
    """The order, or the quote that it names, has moved on."""


class Impossible(Refused):
    """The request is well-formed, and the market or an earlier request does not permit it."""


class RateLimited(Refused):
    """You ask for more than you may now."""


class Unavailable(Refused):
    """The service cannot serve the request now. Every request that may be repeated was."""


_BY_STATUS: dict[int, type[Refused]] = {
    401: AccessDenied, 403: AccessDenied, 404: NotFound, 409: Conflict, 422: Impossible, 429: RateLimited
}  # fmt: skip


def refusal(status: int, code: str, message: str, details: list[dict[str, Any]]) -> Refused:
    kind = Unavailable if status >= 500 else _BY_STATUS.get(status, BadRequest)
    return kind(status, code, message, details)
