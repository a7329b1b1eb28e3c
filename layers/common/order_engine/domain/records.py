"""Records: what the engine stores as JSON for itself. Each has a version; clients see views of them instead."""

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
    """An amount that may be missing. Records hold amounts as strings: many readers' integers end at 2^53."""
    return None if value is None else int(value)


def optional_str(value: object | None) -> str | None:
    """How a record holds an amount or an id that may be missing."""
    return None if value is None else str(value)
