"""Which keys of a mapping are used and which are ignored on purpose, at every depth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from emulator.template.intrinsics import shown
from emulator.template.properties import Values

_EVERYTHING = "**"


class Keys:
    """The supported keys of a mapping, as paths such as `Target.Arn`; a list counts as each of its items.

    A path in `used` stands for a scalar or a list of scalars, and with `.**` at its end for anything. A path in
    `ignored` stands for a value of any shape. A `*` in a path stands for any one key.
    """

    def __init__(self, used: Iterable[str], ignored: Iterable[str]) -> None:
        self._root = _Node()
        for path in used:
            self._root.add(path.split("."), used=True)
        for path in ignored:
            self._root.add(path.split("."), used=False)

    def __contains__(self, key: str) -> bool:
        """Returns whether a key of the mapping itself is used or ignored, or has such keys in it."""
        return self._root.everything or self._root.ignored or self._root.child(key) is not None

    def without_ignored(self, value: Values) -> Values:
        """Returns a copy without the ignored keys."""
        kept: Values = _without_ignored(value, self._root)
        return kept

    def problems(self, value: Values) -> list[str]:
        """Returns a message for each key that is not supported, and for each value that should be a mapping."""
        return list(_problems(value, self._root, ""))


class _Node:
    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.scalar = False
        self.everything = False
        self.ignored = False

    def add(self, path: list[str], *, used: bool) -> None:
        if path == [_EVERYTHING]:
            self.everything, self.ignored = used, not used
            return
        if path:
            self.children.setdefault(path[0], _Node()).add(path[1:], used=used)
        else:
            self.scalar, self.ignored = used, not used

    def child(self, key: str) -> _Node | None:
        return self.children.get(key) or self.children.get("*")


def _without_ignored(value: Any, node: _Node) -> Any:
    if node.ignored:
        return {}
    match value:
        case dict():
            return {
                key: _without_ignored(item, child) if child else item
                for key, item in value.items()
                if not ((child := node.child(key)) and child.ignored)
            }
        case list():
            return [_without_ignored(item, node) for item in value]
    return value


def _problems(value: Any, node: _Node, path: str) -> Iterable[str]:
    if node.everything or node.ignored:
        return
    match value:
        case dict() if not node.children:
            yield f"{path}: expected a string or a number, was {shown(value)}"
        case dict():
            for key, item in value.items():
                where = f"{path}.{key}" if path else str(key)
                child = node.child(key)
                if child is None:
                    yield f"the property {where} is not supported"
                else:
                    yield from _problems(item, child, where)
        case list():
            for item in value:
                yield from _problems(item, node, path)
        case _ if not node.scalar:
            yield f"{path}: expected a mapping, was {shown(value)}"
