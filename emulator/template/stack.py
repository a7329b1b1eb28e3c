"""What a template describes: the records that the services run on."""

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
    """`records` are what the resources were built to; `sources` are the files that they were read from."""

    name: str
    records: tuple[Any, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    sources: tuple[Path, ...] = ()

    def of(self, kind: type[R]) -> dict[str, R]:
        """The records of a class by name, such as `Queue`, in the template's order."""
        return {record.name: record for record in self.records if isinstance(record, kind)}
