"""The custom resources of a stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CustomResource:
    """A `Custom::…` resource. Its function is invoked with `Create` each time the stack starts."""

    name: str
    type: str
    function: str
    properties: dict[str, Any] = field(default_factory=dict)
