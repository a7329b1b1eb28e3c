"""The custom resources of a stack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CustomResource:
    """A `Custom::…` resource. Its function is invoked with `Create` each time the stack starts, and after the custom
    resources named in `after`, on which it depends."""

    name: str
    type: str
    function: str
    properties: dict[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()


def in_order(resources: Iterable[CustomResource]) -> list[CustomResource]:
    """Returns the resources in the order of creation: each behind those it follows, otherwise as they were given."""
    by_name = {resource.name: resource for resource in resources}
    ordered: dict[str, CustomResource] = {}

    def add(resource: CustomResource) -> None:
        for name in resource.after:
            add(by_name[name])
        ordered.setdefault(resource.name, resource)

    for resource in by_name.values():
        add(resource)
    return list(ordered.values())
