"""The records that a template describes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar


class Record(Protocol):
    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Stack:
    """A loaded template. `records` are built from its resources; `sources` are the files that were read, it first.

    `parameters` are as CloudFormation shows them: those with NoEcho as ****.
    """

    name: str
    records: tuple[Any, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    sources: tuple[Path, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)

    def of(self, kind: type[R]) -> dict[str, R]:
        """Returns the records of a class by name, in the template's order."""
        return {record.name: record for record in self.records if isinstance(record, kind)}
