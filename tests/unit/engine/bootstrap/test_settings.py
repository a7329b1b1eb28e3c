from __future__ import annotations

import pytest

from order_engine.bootstrap import settings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIVEN", "7")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("MISSING", raising=False)


def test_a_set_variable_is_read() -> None:
    assert settings.required("GIVEN") == "7"
    assert settings.one_of("GIVEN", ("6", "7")) == "7"
    assert settings.integer("GIVEN") == 7


@pytest.mark.parametrize("name", ["MISSING", "EMPTY"])
def test_a_missing_or_empty_variable_is_named(name: str) -> None:
    message = f"expected the environment variable {name} to be set"
    with pytest.raises(RuntimeError, match=message):
        settings.required(name)
    with pytest.raises(RuntimeError, match=message):
        settings.one_of(name, ("a",))
    with pytest.raises(RuntimeError, match=message):
        settings.integer(name)


def test_a_value_that_is_not_allowed_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(RuntimeError, match="expected GIVEN to be one of a, b, was '7'"):
        settings.one_of("GIVEN", ("a", "b"))


@pytest.mark.parametrize("value", ["x", "1.5", "1e3", " ", "0x1"])
def test_a_value_that_is_not_an_integer_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GIVEN", value)
    with pytest.raises(RuntimeError, match=f"expected GIVEN to be an integer, was '{value}'"):
        settings.integer("GIVEN")
