"""How a service declares the CloudFormation resource types that it supports or ignores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.template.keys import Keys

if TYPE_CHECKING:
    from emulator.template.resources import Resource

T = TypeVar("T")


@dataclass(frozen=True)
class Addresses:
    """The base URLs of the services, without a trailing slash."""

    endpoint: str = "http://127.0.0.1:4566"
    rest: str = "http://127.0.0.1:3000"
    websocket: str = "ws://127.0.0.1:3001"


ANYTHING = frozenset({"**"})


@dataclass(frozen=True)
class ResourceType:
    """A CloudFormation resource type.

    `kind` is the type's name; a `*` at its end stands for any ending. `used` and `ignored` are paths
    of properties as in `Keys`. Used ones are resolved before `build` is called, ignored ones have no effect on one
    machine, and any other is refused. `ref` and `attributes` return
    what Ref and Fn::GetAtt give; an attribute's name may end in `*` too. `build` returns the record that a service
    runs on, or a list of records, and raises ValueError where a property is wrong; None stands for a type that no
    service runs.

    `name` is the property that gives the resource's physical name, `path` the one that may be a path on this machine.
    `address` returns the local URL that takes the place of `{scheme}://{logical id}.execute-api.…`.
    """

    kind: str
    used: Iterable[str]
    ignored: Iterable[str]
    ref: Callable[[Resource], str]
    attributes: Mapping[str, Callable[[Resource], str]]
    build: Callable[[Resource], Any] | None
    name: str | None = None
    path: str | None = None
    address: Callable[[Addresses, str], str] | None = None

    @cached_property
    def keys(self) -> Keys:
        """Returns which properties are used and ignored, at every depth."""
        return Keys(self.used, self.ignored)

    @property
    def has_effect(self) -> bool:
        """Returns whether any of its properties matters on one machine."""
        return self.build is not None or bool(set(self.used))


class Registry:
    """The resource types of all services, by name."""

    def __init__(self, types: Iterable[ResourceType]) -> None:
        self._types = {type_.kind: type_ for type_ in types}

    def get(self, kind: str) -> ResourceType | None:
        """Returns the type of this name, or None if no service has declared it."""
        return matching(self._types, kind)

    def paths(self) -> dict[str, str]:
        """Returns, by the type's name, the property that may be a path on this machine."""
        return {kind: type_.path for kind, type_ in self._types.items() if type_.path}


def matching(known: Mapping[str, T], name: str) -> T | None:
    """Returns the item of this name, or of a pattern with `*` at its end that matches it."""
    if name in known:
        return known[name]
    patterns = (pattern for pattern in known if pattern.endswith("*") and name.startswith(pattern[:-1]))
    return next((known[pattern] for pattern in patterns), None)


def physical_name(resource: Resource) -> str:
    """Returns the name that the template gives the resource, or its logical id."""
    return resource.name


def without_effect(
    kind: str,
    ref: Callable[[Resource], str],
    attributes: Mapping[str, Callable[[Resource], str]] | None = None,
    *,
    name: str | None = None,
    ignored: Iterable[str] = ANYTHING,
) -> ResourceType:
    """Returns a type that has no effect on one machine. A property outside `ignored` would have one."""
    return ResourceType(kind, frozenset(), ignored, ref, attributes or {}, None, name)
