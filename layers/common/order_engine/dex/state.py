"""Reads the JSON of a pool's state. The error names any field that is missing, unknown, mistyped or out of range."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from order_engine.dex.errors import CorruptState

_INTEGER = re.compile(r"-?[0-9]{1,40}")
_INTEGERS = re.compile(r"-?[0-9]{1,40}(?: -?[0-9]{1,40})*")


class State:
    """A JSON object with all fields in `names`, any in `optional` and no others. Every method raises `CorruptState`."""

    __slots__ = ("_path", "_value")

    def __init__(self, value: object, names: Collection[str], optional: Collection[str] = (), path: str = "") -> None:
        self._path = path
        if not isinstance(value, dict):
            raise CorruptState(path or "state", "an object", value)
        self._value = value
        for name in names:
            if name not in value:
                raise CorruptState(self.path(name), "a value", "nothing")
        if len(value) == len(names):
            return
        for name in value:
            if name not in names and name not in optional:
                raise CorruptState(self.path(str(name)), f"one of {', '.join((*names, *optional))}", name)

    def path(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """The integer field of that name, from `low` to `high`, written as a number or as a string."""
        raw = self._value.get(name, default)
        value = int(raw) if isinstance(raw, str) and _INTEGER.fullmatch(raw) else raw
        if type(value) is not int or not low <= value <= high:
            raise CorruptState(self.path(name), f"an integer from {low} to {high}", raw)
        return value

    def has_any(self, names: Collection[str]) -> bool:
        """Whether it has any of these optional fields."""
        return not self._value.keys().isdisjoint(names)

    def flag(self, name: str, default: bool) -> bool:
        raw = self._value.get(name, default)
        if not isinstance(raw, bool):
            raise CorruptState(self.path(name), "true or false", raw)
        return raw

    def integers(self, name: str, fields: Mapping[str, tuple[int, int]]) -> list[tuple[int, ...]] | None:
        """The array field of that name, whose items are objects of just these integers, written as strings.

        The bounds of each field are its lowest and its highest value. Reads a long array three times as fast as
        `objects`, but `None` is all that it says of any other array.
        """
        columns = []
        try:
            items = self._value[name]
            if any(len(item) != len(fields) for item in items):
                return None
            for field, (low, high) in fields.items():
                texts = [item[field] for item in items]
                if not _INTEGERS.fullmatch(" ".join(texts)):
                    return None
                column = list(map(int, texts))
                if not low <= min(column) <= max(column) <= high:
                    return None
                columns.append(column)
        except (TypeError, KeyError, ValueError):
            return None
        return list(zip(*columns, strict=True))

    def objects(self, name: str, names: Collection[str], optional: Collection[str] = ()) -> list[State]:
        """The array field of that name. Its items are objects with the fields `names`."""
        raw = self._value[name]
        if not isinstance(raw, list | tuple):
            raise CorruptState(self.path(name), "an array", raw)
        return [State(item, names, optional, f"{self.path(name)}[{index}]") for index, item in enumerate(raw)]
