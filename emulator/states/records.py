"""The state machines of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from emulator.common.account import arn


@dataclass(frozen=True)
class StateMachine:
    """A state machine. `definition` is the Amazon States Language document after the substitutions."""

    name: str
    definition: dict[str, Any]
    type: Literal["STANDARD", "EXPRESS"] = "STANDARD"

    @property
    def arn(self) -> str:
        return arn("states", f"stateMachine:{self.name}")
