"""Reads lists of names."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Returns the names in a text, separated by spaces."""
    return frozenset(text.split())
