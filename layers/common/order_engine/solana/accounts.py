"""Accounts as a node returns them, and the chain's clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from order_engine.solana.addresses import Address


class Account(NamedTuple):
    """An account: the program that owns it, its lamports and its data."""

    owner: Address
    lamports: int
    data: bytes


Accounts: TypeAlias = Mapping[Address, Account | None]
"""Accounts by address, all of one slot; `None` where there is none."""


class Clock(NamedTuple):
    """The chain's time: its slot, and the Unix seconds that programs see."""

    slot: int
    unix_timestamp: int
