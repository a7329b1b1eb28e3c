"""What a fault run needs of the market that it trades in."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.support.market import Orders
from tests.support.stack import Stack

Kill = Callable[[random.Random], None]
"""Kills something and starts it again."""

Evidence = Mapping[str, Sequence[Any]]
"""What breaks each promise."""


class Trade(NamedTuple):
    token_in: str
    token_out: str
    amount: str
    slippage_bps: int


class Arena(ABC):
    """A market, from its start to `close`. `orders` are there once it is open."""

    options: tuple[str, ...]
    """Those of the stack that trades in it."""
    kills: Mapping[str, tuple[int, Kill]]
    """What can be killed beside the stack, with the weight of each."""
    trades: Sequence[Trade]
    """What is traded."""
    bound: float
    """Every order ends within this many seconds after everything is back."""
    orders: Orders

    @abstractmethod
    def open(self, stack: Stack) -> None:
        """Prepares the market for the orders of a stack that runs."""

    @abstractmethod
    def restart(self) -> None:
        """Kills what the market itself runs on, if anything, and starts it again."""

    @abstractmethod
    async def misbehave(self, chance: random.Random) -> None:
        """Lets the market fail in every way, and never returns."""

    @abstractmethod
    async def hurry(self) -> None:
        """Lets the market's time pass faster."""

    @abstractmethod
    def settle(self) -> None:
        """Ends the failures, and returns when all that may still land has landed."""

    @abstractmethod
    def swapped(self) -> Counter[str]:
        """How often the transaction of each signature has swapped, whoever has sent it."""

    @abstractmethod
    def audit(self) -> Evidence:
        """What the market says against the fills of the orders."""

    @abstractmethod
    def rows(self) -> list[tuple[str, str]]:
        """What the report says of the market."""

    @abstractmethod
    def close(self) -> None: ...
