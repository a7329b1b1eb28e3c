"""Reads the fields of an object in a definition, and collects the problems with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from emulator.states.encoding import encode

T = TypeVar("T")

_UNSUPPORTED = {
    "Arguments",
    "Assign",
    "Condition",
    "Credentials",
    "ItemBatcher",
    "ItemReader",
    "Items",
    "Label",
    "Output",
    "ResultWriter",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
}


class Fields:
    """The fields of an object. A field that is read is known; `finish` reports the others. `targets` are the states
    to which transitions in the object lead."""

    def __init__(self, document: Any, place: str, problems: list[str]) -> None:
        self.place = place
        self.problems = problems
        self.targets: list[str] = []
        self._known: set[str] = set()
        self._whole = isinstance(document, dict)
        self.document: dict[str, Any] = document if isinstance(document, dict) else {}
        if not self._whole:
            self.problem(None, f"expected an object, was {encode(document)}")

    def place_of(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name

    def problem(self, name: str | None, text: str) -> None:
        place = self.place or "definition" if name is None else self.place_of(name)
        self.problems.append(f"{place}: {text}")

    def has(self, name: str) -> bool:
        return name in self.document

    def take(self, name: str, *, required: bool = False, default: Any = None) -> Any:
        self._known.add(name)
        if required and self._whole and name not in self.document:
            self.problem(name, "is required")
        return self.document.get(name, default)

    def text(self, name: str, *, required: bool = False, one_of: tuple[str, ...] = ()) -> str | None:
        value = self.take(name, required=required)
        if name not in self.document:
            return None
        if one_of and value not in one_of:
            self.problem(name, f"expected {' or '.join(one_of)}, was {encode(value)}")
            return None
        if not isinstance(value, str):
            self.problem(name, f"expected a string, was {encode(value)}")
            return None
        return value

    def boolean(self, name: str) -> bool | None:
        value = self.take(name)
        if name in self.document and not isinstance(value, bool):
            self.problem(name, f"expected a boolean, was {encode(value)}")
            return None
        return value if isinstance(value, bool) else None

    def integer(self, name: str, least: int, most: int, *, default: int | None = None) -> int | None:
        value = self.take(name, default=default)
        if name not in self.document:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.problem(name, f"expected an integer from {least} to {most}, was {encode(value)}")
            return default
        return value

    def number(self, name: str, least: float, *, default: float) -> float:
        value = self.take(name, default=default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
            self.problem(name, f"expected a number >= {least}, was {encode(value)}")
            return default
        return float(value)

    def compiled(self, name: str, value: Any, compile_text: Callable[[str], T]) -> T | None:
        """Returns the field's value compiled by `compile_text`, which raises ValueError."""
        if not isinstance(value, str):
            self.problem(name, f"expected a string, was {encode(value)}")
            return None
        try:
            return compile_text(value)
        except ValueError as error:
            self.problem(name, str(error))
            return None

    def child(self, name: str, *, required: bool = True) -> Fields | None:
        value = self.take(name, required=required)
        return Fields(value, self.place_of(name), self.problems) if name in self.document else None

    def children(self, name: str, *, required: bool = False) -> list[Fields]:
        """Returns the objects in a list, which must not be empty if the field is required."""
        values = self.take(name, required=required, default=[])
        if not isinstance(values, list) or (required and name in self.document and not values):
            self.problem(name, f"expected a list of objects, was {encode(values)}")
            return []
        return [Fields(value, f"{self.place_of(name)}[{index}]", self.problems) for index, value in enumerate(values)]

    def finish(self) -> None:
        for name in self.document:
            if name in _UNSUPPORTED and name not in self._known:
                self.problem(name, "is not supported")
            elif name not in self._known:
                self.problem(name, "unknown field")
