"""Faults that a user asks for, to see what a client makes of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["drop", "delay", "lag", "429", "503", "timeout", "expire", "fork"]
KINDS: tuple[Kind, ...] = get_args(Kind)
AT_SLOTS: tuple[Kind, ...] = ("expire", "fork")
"""Those that befall the chain as a slot begins. The others befall calls."""

MEANINGS: dict[Kind, str] = {
    "drop": "a sent transaction is accepted and never carried out",
    "delay": "a sent transaction is carried out SLOTS later",
    "lag": "the node answers from SLOTS ago",
    "429": "the node answers 429, too many requests",
    "503": "the node answers 503, unavailable",
    "timeout": "the node does what is asked for, and does not answer",
    "expire": "the chain moves on until every blockhash has expired",
    "fork": "the slots that are not confirmed are dropped, or with --deep those that are not final",
}


@dataclass
class Fault:
    """A fault that strikes `percent` of the calls or slots, until it has struck `times`, or `None` for ever."""

    kind: Kind
    times: int | None = None
    percent: int = 100
    slots: int = 10
    deep: bool = False


class Faults:
    """The faults that are in force."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def strike(self, kind: Kind) -> Fault | None:
        """The fault of this kind that strikes now, counted."""
        for fault in self._faults:
            if fault.kind == kind and self._chance() * 100 < fault.percent:
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self._faults.remove(fault)
                return fault
        return None
