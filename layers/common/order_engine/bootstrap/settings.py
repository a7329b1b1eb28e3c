"""Reads the environment variables. Each reader raises `RuntimeError`: what was expected, what came."""

from __future__ import annotations

import os
from collections.abc import Collection


def required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"expected the environment variable {name} to be set")
    return value


def optional(name: str) -> str | None:
    return os.environ.get(name) or None


def one_of(name: str, allowed: Collection[str]) -> str:
    value = required(name)
    if value not in allowed:
        raise RuntimeError(f"expected {name} to be one of {', '.join(allowed)}, was {value!r}")
    return value


def integer(name: str) -> int:
    value = required(name)
    try:
        return int(value)
    except ValueError:
        raise RuntimeError(f"expected {name} to be an integer, was {value!r}") from None
