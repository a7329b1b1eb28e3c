"""Pools that the engine may trade in."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Source(StrEnum):
    """How the engine came to know a pool. What an operator has said about a pool, no discovery changes."""

    BY_HAND = "by hand"
    DISCOVERED = "discovered"


class RegisteredPool(NamedTuple):
    """A pool on chain.

    `program` is the kind of its pools in `order_engine.dex`, and `token_a` the program's first token: SOL stands for
    wrapped SOL. `companions` are the other accounts that the last quote needed. A pool is traded in while it is
    `enabled`.
    """

    address: str
    program: str
    venue: str
    token_a: str
    token_b: str
    companions: tuple[str, ...]
    source: Source
    enabled: bool = True
