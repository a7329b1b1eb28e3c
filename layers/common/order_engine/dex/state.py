"""Reads the JSON of a pool's state, strictly: a field missing, unknown, mistyped or out of range is named."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from order_engine.dex.errors import CorruptState

_INTEGER = re.compile(r"-?[0-9]{1,40}")


class State:
    """An object with exactly the fields `names`, and perhaps some of `optional`. Raises `CorruptState`."""

    def __init__(self, value: object, names: Collection[str], optional: Collection[str] = (), path: str = "") -> None:
        self._path = path
        if not isinstance(value, Mapping):
            raise CorruptState(path or "state", "an object", value)
        self._value = value
        for name in names:
            if name not in value:
                raise CorruptState(self.path(name), "a value", "nothing")
        for name in value:
            if name not in names and name not in optional:
                raise CorruptState(self.path(str(name)), f"one of {', '.join((*names, *optional))}", name)

    def path(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """The integer of that name, written as a number or as a string, from `low` to `high`."""
        raw = self._value.get(name, default)
        if isinstance(raw, str) and _INTEGER.fullmatch(raw):
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
            raise CorruptState(self.path(name), f"an integer from {low} to {high}", raw)
        return raw

    def flag(self, name: str, default: bool) -> bool:
        raw = self._value.get(name, default)
        if not isinstance(raw, bool):
            raise CorruptState(self.path(name), "true or false", raw)
        return raw

    def objects(self, name: str, names: Collection[str], optional: Collection[str] = ()) -> list[State]:
        """The array of that name, of objects with the fields `names`."""
        raw = self._value[name]
        if not isinstance(raw, list | tuple):
            raise CorruptState(self.path(name), "an array", raw)
        return [State(item, names, optional, f"{self.path(name)}[{index}]") for index, item in enumerate(raw)]
