"""Records: JSON that the engine stores for itself, each with a version. Clients see views of them."""

from __future__ import annotations

from typing import Any


def dump(version: int, **fields: Any) -> dict[str, Any]:
    """A record of that version."""
    return {"version": version, **fields}


def load(what: str, record: dict[str, Any], version: int) -> dict[str, Any]:
    """The record's fields. A record without a version is of version 1.

    Raises `ValueError` for another version than `version`.
    """
    fields = dict(record)
    was = fields.pop("version", 1)
    if was != version:
        raise ValueError(f"expected a {what} of version {version}, was version {was}")
    return fields


def optional_int(value: str | None) -> int | None:
    """The integer of an optional amount. Records hold amounts as strings: many JSON readers lose digits above 2^53."""
    return None if value is None else int(value)


def optional_str(value: object | None) -> str | None:
    """The string of an optional amount or id."""
    return None if value is None else str(value)
