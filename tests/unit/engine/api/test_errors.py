from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_engine.api.errors import error_view, status_of
from order_engine.domain import errors
from order_engine.domain.errors import EngineError, Final, InvalidOrder, Rejected, Reroute, Transient, error_class

API = Path(__file__).parents[4] / "docs" / "api.md"


def descendants(base: type[EngineError]) -> Iterator[type[EngineError]]:
    for child in base.__subclasses__():
        yield child
        yield from descendants(child)


CONCRETE = [error for error in descendants(EngineError) if error not in (Rejected, Transient, Reroute, Final)]


def made(error: type[EngineError]) -> EngineError:
    problems = [{"field": "amountIn", "message": "expected a value, was missing"}]
    if error is errors.ScopeMissing:
        return errors.ScopeMissing("trade", "read")
    return error(problems) if issubclass(error, errors.InvalidRequest) else error("expected x, was y")


@pytest.mark.parametrize("error", CONCRETE)
def test_every_error_has_exactly_one_reaction(error: type[EngineError]) -> None:
    assert sum(issubclass(error, reaction) for reaction in (Rejected, Transient, Reroute, Final)) == 1


@pytest.mark.parametrize("error", CONCRETE)
def test_every_error_is_found_by_its_name(error: type[EngineError]) -> None:
    assert error_class(error.__name__) is error
    assert made(error).code == error.__name__


@pytest.mark.parametrize("name", ["States.Timeout", "KeyError", "", "Exception", "object", "enginerror"])
def test_an_unknown_name_has_no_error_class(name: str) -> None:
    assert error_class(name) is None


@pytest.mark.parametrize("error", CONCRETE)
def test_every_error_has_the_same_shape(error: type[EngineError]) -> None:
    content = error_view(made(error))
    assert content.keys() == {"error"}
    assert content["error"].keys() == {"code", "message", "details"}
    assert content["error"]["message"].startswith(("expected", "amountIn: expected"))


def test_an_invalid_order_lists_every_bad_field() -> None:
    problems = [{"field": "a", "message": "expected 1, was 2"}, {"field": "b", "message": "expected 3, was 4"}]
    error = InvalidOrder(problems)
    assert str(error) == "a: expected 1, was 2; b: expected 3, was 4"
    assert error_view(error)["error"]["details"] == problems


@pytest.mark.parametrize("error", CONCRETE)
def test_the_status_follows_from_the_reaction(error: type[EngineError]) -> None:
    status = status_of(made(error))
    if issubclass(error, Rejected):
        assert 400 <= status < 500
    elif issubclass(error, Final):
        assert status == 422
    elif issubclass(error, Transient):
        assert status == 503
    else:
        assert status == 409


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidJson, 400),
        (errors.InvalidOrder, 400),
        (errors.UnknownAction, 400),
        (errors.Unauthorized, 401),
        (errors.OriginNotAllowed, 403),
        (errors.OrderNotFound, 404),
        (errors.NotFound, 404),
        (errors.PayloadTooLarge, 413),
        (errors.UnsupportedMediaType, 415),
        (errors.IdempotencyKeyReused, 422),
        (errors.RateLimited, 429),
        (errors.TooManyConnections, 429),
        (errors.TooManySubscriptions, 429),
        (errors.StoreUnavailable, 503),
        (errors.QuoteNotFound, 404),
        (errors.QuoteExpired, 409),
        (errors.QuoteUsed, 409),
        (errors.SlippageExceeded, 409),
        (errors.NoRoute, 422),
        (errors.AmountTooSmall, 422),
        (errors.InsufficientLiquidity, 422),
    ],
)
def test_the_status_of_an_error(error: type[EngineError], status: int) -> None:
    assert status_of(made(error)) == status


@pytest.mark.parametrize("error", [error for error in CONCRETE if issubclass(error, Rejected)])
def test_every_refusal_is_documented_with_its_status(error: type[EngineError]) -> None:
    (row,) = [line for line in API.read_text().splitlines() if line.startswith(f"| `{error.__name__}` |")]
    assert row.split(" | ")[1] in (str(status_of(made(error))), "–")


@pytest.mark.parametrize("error", [error for error in CONCRETE if not issubclass(error, Rejected | errors.StaleRun)])
def test_every_failure_code_is_documented(error: type[EngineError]) -> None:
    assert f"| `{error.__name__}` |" in API.read_text()
