"""Resolves the resources of a template and builds the records of a stack from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from emulator.common.errors import TemplateError
from emulator.template.intrinsics import NO_VALUE, Resolver, scalar
from emulator.template.properties import Values
from emulator.template.registry import Addresses, Registry, ResourceType, matching
from emulator.template.sam import BUCKET

_ADDRESS = re.compile(
    r"(?P<scheme>https|wss)://(?P<api>\w+)\.execute-api\.[\w-]+\.amazonaws\.com(?:/(?P<stage>[\w-]+))?"
)
_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:[^}]*\}\}")


class Resource:
    """A resource whose condition holds. `values` are its used properties, resolved."""

    def __init__(self, template: Resources, logical_id: str, definition: Values, type_: ResourceType | None) -> None:
        self.template = template
        self.logical_id = logical_id
        self.definition = definition
        self.type = type_
        self.values: Values = {}

    def __str__(self) -> str:
        return f"{self.logical_id} ({self.kind})"

    @property
    def kind(self) -> str:
        return str(self.definition["Type"])

    @property
    def properties(self) -> Values:
        """Returns the unresolved properties."""
        return self.definition.get("Properties") or {}

    @property
    def name(self) -> str:
        """Returns the name that the template gives, or the logical id."""
        given = self.properties.get(self.type.name) if self.type and self.type.name else None
        if given is None:
            return self.logical_id
        with self.template.once(f"{self.logical_id}: its name"):
            resolved = self.template.resolver.resolve(given)
        return self.logical_id if resolved is NO_VALUE else scalar(resolved)

    @property
    def ref(self) -> str:
        """Returns the value of Ref."""
        return self.type.ref(self) if self.type else self.logical_id

    def attribute(self, name: str) -> str:
        """Returns the value of Fn::GetAtt. Raises ValueError for an attribute that is not supported."""
        if self.type is None:
            return ""  # the type itself is refused
        attribute = matching(self.type.attributes, name)
        if attribute is None:
            raise ValueError(f"{self}: the attribute {name} is not supported")
        return attribute(self)

    def resolved(self, name: str) -> Any:
        """Returns the resolved property, for `ref`, which is needed before `values` is there."""
        return self.template.resolver.resolve(self.properties.get(name))

    @property
    def built(self) -> Any:
        """Returns the record of the resource, or None if it is wrong, which is then one of the problems."""
        return self.template.build(self)


class Resources:
    """The resources of a translated template whose condition holds. Collects the `problems` of the `refused` ones.

    `files` maps the keys of S3 locations to the paths on this machine that they stand for.
    """

    def __init__(
        self,
        template: dict[str, Any],
        parameters: dict[str, Any],
        stack_name: str,
        addresses: Addresses,
        files: dict[str, Path],
        registry: Registry,
    ) -> None:
        self.problems: list[str] = []
        self.addresses = addresses
        self.registry = registry
        self.resolver = Resolver(template, parameters, stack_name, self._ref, self._attribute)
        self._files = files
        self.refused: set[str] = set()
        self._built: dict[str, Any] = {}
        self._under_way: list[str] = []
        self._resources = {
            logical_id: Resource(self, logical_id, definition, registry.get(definition["Type"]))
            for logical_id, definition in template["Resources"].items()
            if "Condition" not in definition or self.resolver.condition(definition["Condition"])
        }

    def records(self) -> tuple[Any, ...]:
        """Returns the records of the stack in the template's order, without those of wrong resources."""
        for resource in self._resources.values():
            self._read(resource)
        records: list[Any] = []
        for resource in self._resources.values():
            built = resource.built
            records += built if isinstance(built, list) else [built]
        return tuple(record for record in records if record is not None)

    def resolve(self, value: Any) -> Any:
        """Returns the resolved value with local addresses, or None for AWS::NoValue.

        A dynamic reference, such as `{{resolve:ssm:name}}`, is refused.

        Raises ValueError that says what cannot be resolved.
        """
        resolved = self.resolver.resolve(value)
        return None if resolved is NO_VALUE else self._localize(resolved)

    def get(self, logical_id: str) -> Resource | None:
        return self._resources.get(logical_id)

    def of(self, kind: str) -> list[Resource]:
        """Returns the resources of a type."""
        return [resource for resource in self._resources.values() if resource.kind == kind]

    def find(self, kind: str, identity: Callable[[Resource], str], value: Any) -> Resource | None:
        """Returns the resource of the type whose `identity` is `value`."""
        for resource in self.of(kind):
            with suppress(ValueError):  # its name cannot be resolved, which is one of the problems
                if identity(resource) == value:
                    return resource
        return None

    def build(self, resource: Resource) -> Any:
        """Returns the resource's record, or None if it is wrong. Records that it needs are built first."""
        if resource.logical_id in self._built:
            return self._built[resource.logical_id]
        built = None
        if resource.type and resource.type.build and resource.logical_id not in self.refused:
            try:
                with self.once(f"{resource}: its record"):
                    built = resource.type.build(resource)
            except TemplateError as error:
                for problem in error.problems:
                    self._refuse(resource, problem)
            except ValueError as error:
                self._refuse(resource, str(error))
            except (AttributeError, KeyError, TypeError) as error:
                self._refuse(resource, f"a property does not have the expected shape: {error}")
        self._built[resource.logical_id] = built
        return built

    def file(self, location: Any, property_: str) -> Path:
        """Returns the path on this machine that an S3 location stands for. Raises ValueError if there is none."""
        bucket, key = None, None
        if isinstance(location, dict):
            bucket, key = location.get("S3Bucket", location.get("Bucket")), location.get("S3Key", location.get("Key"))
        if bucket != BUCKET or key not in self._files:
            raise ValueError(f"{property_}: expected a path on this machine, was {location}")
        if not self._files[key].exists():
            raise ValueError(f"{property_}: expected a path on this machine, {self._files[key]} does not exist")
        return self._files[key]

    @contextmanager
    def once(self, what: str) -> Iterator[None]:
        """Raises ValueError if computing `what` needs `what` itself."""
        if what in self._under_way:
            raise ValueError(f"{what} refers to itself")
        self._under_way.append(what)
        try:
            yield
        finally:
            self._under_way.pop()

    def _read(self, resource: Resource) -> None:
        """Resolves the used properties, and reports those that are not supported."""
        if resource.type is None:
            self._refuse(resource, self.refusal(resource))
            return
        keys = resource.type.keys
        for name, value in keys.without_ignored(resource.properties).items():
            if name not in keys:
                self._refuse(resource, f"the property {name} is not supported{self._way_out(resource)}")
                continue
            try:
                resolved = self.resolve(value)
            except ValueError as error:
                self._refuse(resource, f"{name}: {error}")
                continue
            # An intrinsic function may have returned ignored keys.
            given = {} if resolved is None else keys.without_ignored({name: resolved})
            for problem in keys.problems(given):
                self._refuse(resource, problem + self._way_out(resource))
            resource.values |= given

    def _refuse(self, resource: Resource, problem: str) -> None:
        """Reports a problem, and keeps the resource from being built, which would report its consequences."""
        self.problems.append(f"{resource}: {problem}")
        self.refused.add(resource.logical_id)

    def refusal(self, resource: Resource) -> str:
        """Returns the message that the type is not supported, and how its condition can leave the resource out."""
        return "this type of resource is not supported" + self._way_out(resource)

    def _way_out(self, resource: Resource) -> str:
        condition = resource.definition.get("Condition")
        parameters = self.resolver.parameters_of(condition) if condition else []
        if not parameters:
            return ""
        return (
            f"; its condition {condition} depends on {', '.join(parameters)}: expected other values, by "
            "--parameter NAME=VALUE, or by --postgres NAME and --redis NAME for the URL of an embedded store"
        )

    def _ref(self, logical_id: str) -> str:
        return self._named(logical_id).ref

    def _attribute(self, logical_id: str, attribute: str) -> str:
        return self._named(logical_id).attribute(attribute)

    def _named(self, logical_id: Any) -> Resource:
        if not isinstance(logical_id, str) or logical_id not in self._resources:
            raise ValueError(f"no parameter or resource is named {logical_id}")
        return self._resources[logical_id]

    def _localize(self, value: Any) -> Any:
        match value:
            case str():
                if reference := _DYNAMIC_REFERENCE.search(value):
                    raise ValueError(f"the dynamic reference {reference[0]} is not supported")
                return _ADDRESS.sub(self._local_address, value)
            case list():
                return [self._localize(item) for item in value]
            case dict():
                return {key: self._localize(item) for key, item in value.items()}
        return value

    def _local_address(self, match: re.Match[str]) -> str:
        resource = self._resources.get(match["api"])
        if resource is None or resource.type is None or resource.type.address is None:
            return match[0]
        return resource.type.address(self.addresses, match["scheme"])
