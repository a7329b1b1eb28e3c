"""The state machines of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from emulator.common.account import ACCOUNT, arn


@dataclass(frozen=True)
class StateMachine:
    """A state machine. `definition` is the Amazon States Language document after the substitutions, `source` its text
    as it was deployed. Without a `role`, the role is named after the machine."""

    name: str
    definition: dict[str, Any]
    type: Literal["STANDARD", "EXPRESS"] = "STANDARD"
    source: str = ""
    role: str = ""

    @property
    def arn(self) -> str:
        return arn("states", f"stateMachine:{self.name}")

    @property
    def role_arn(self) -> str:
        return self.role or f"arn:aws:iam::{ACCOUNT}:role/{self.name}"
