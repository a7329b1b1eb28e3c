"""Reads the values of resource properties. Every function raises ValueError that names the property."""

from __future__ import annotations

import re
from typing import Any

from emulator.template.intrinsics import scalar

Values = dict[str, Any]


def mapping(value: Any, where: str, used: str) -> Values:
    """Returns the mapping `value`. Refuses a key that is not in `used`, names separated by spaces."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a mapping, was {value!r}")
    unknown = set(value) - set(used.split())
    if unknown:
        raise ValueError(f"the property {', '.join(f'{where}.{name}' for name in sorted(unknown))} is not supported")
    return value


def integer(values: Values, name: str, default: Any, low: int, high: int) -> Any:
    """Returns the property as an int from `low` to `high`, or the default if it is missing."""
    value = values.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value)) or not low <= int(value) <= high:
        raise ValueError(f"{name}: expected a whole number from {low} to {high}, was {value!r}")
    return int(value)


def boolean(values: Values, name: str, default: bool) -> bool:
    """Returns the property as a bool, or the default if it is missing."""
    value = scalar(values.get(name, default))
    if value not in ("true", "false"):
        raise ValueError(f"{name}: expected true or false, was {value}")
    return value == "true"
