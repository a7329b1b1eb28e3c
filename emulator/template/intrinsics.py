"""Reads a template and evaluates it as CloudFormation does: parameters, conditions, rules, intrinsic functions."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from emulator.common.account import ACCOUNT, REGION
from emulator.common.errors import TemplateError

NO_VALUE = object()  # the value of AWS::NoValue, which leaves a property out

_SHORT_GETATT = "GetAtt"
_PARAMETER_TYPE = re.compile(r"String|Number|CommaDelimitedList|List<Number>|(List<)?AWS::(EC2|Route53)::[\w:]+>?")
_STRING = "tag:yaml.org,2002:str"
_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms, such as !Ref. A date stays a string, as in `Version: 2012-10-17`."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to say it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def _construct(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
    if suffix == _SHORT_GETATT and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct)


def parse_yaml(text: str) -> Any:
    """Returns a YAML document as CloudFormation reads it: dates are strings, and so are numbers as keys.

    Raises yaml.YAMLError, also for a key that is a boolean or null, such as an unquoted No, and for a repeated key.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        _check_keys(node, set())
        return None if node is None else loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("the document is nested too deeply") from None
    finally:
        loader.dispose()


def _check_keys(node: yaml.Node | None, seen: set[int]) -> None:
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, seen)
        return
    names = set()
    for key, item in node.value:
        kind = key.tag.rpartition(":")[2]
        if kind in ("int", "float"):
            key.tag = _STRING
        elif kind in ("bool", "null"):
            what = f"the {'boolean' if kind == 'bool' else 'empty value'} {key.value}".rstrip()
            problem = f"expected a string as a key, was {what}; names such as Yes, No, On and Off need quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        if isinstance(key, yaml.ScalarNode) and key.tag == _STRING:
            if key.value in names:
                problem = f"expected each key once, was {key.value} twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            names.add(key.value)
        _check_keys(item, seen)


def read(path: Path) -> dict[str, Any]:
    """Returns the template as plain data. Raises TemplateError."""
    try:
        template = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TemplateError([f"{path}: {error}"]) from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict) or not template["Resources"]:
        raise TemplateError([f"{path}: expected a template with Resources"])
    try:
        unshared: dict[str, Any] = _unshared(template)
    except RecursionError:
        raise TemplateError([f"{path}: expected aliases that do not refer to themselves"]) from None
    return unshared


def _unshared(value: Any) -> Any:
    """Returns a copy without shared parts for YAML aliases, since the SAM translator changes its input."""
    match value:
        case dict():
            return {key: _unshared(item) for key, item in value.items()}
        case list():
            return [_unshared(item) for item in value]
    return value


def parameters(declared: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """Returns each parameter's value, a string or a list of strings. Raises TemplateError that names each wrong one."""
    known = ", ".join(declared) or "none"
    problems = [f"{name}: no such parameter; the template has {known}" for name in given if name not in declared]
    values: dict[str, Any] = {}
    for name, declaration in declared.items():
        value = given.get(name, declaration.get("Default"))
        if value is None:
            problems.append(f"{name}: expected a value: {declaration.get('Description', 'it has no default')}")
            continue
        try:
            values[name] = _parameter(declaration, scalar(value))
        except ValueError as error:
            reason = declaration.get("ConstraintDescription") or error
            if isinstance(value, (dict, list)):
                problems.append(f"{name}: {error}")
                continue
            was = "a hidden value" if declaration.get("NoEcho") else repr(scalar(value))
            problems.append(f"{name}: {reason}, was {was}")
        except (TypeError, re.error) as error:
            problems.append(f"{name}: the declaration is wrong: {error}")
    if problems:
        raise TemplateError(problems)
    return values


def _parameter(declaration: dict[str, Any], value: str) -> str | list[str]:
    kind = str(declaration.get("Type", "String"))
    if not _PARAMETER_TYPE.fullmatch(kind):
        raise ValueError(f"the type {kind} is not supported")
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    items = [item.strip() for item in value.split(",")] if is_list else [value]
    for item in items:
        if kind in ("Number", "List<Number>"):
            try:
                number = float(item)
            except ValueError:
                raise ValueError("expected a number") from None
            if not float(declaration.get("MinValue", "-inf")) <= number <= float(declaration.get("MaxValue", "inf")):
                raise ValueError(f"expected a number {_between(declaration, 'Value')}")
        elif not int(declaration.get("MinLength", 0)) <= len(item) <= float(declaration.get("MaxLength", "inf")):
            raise ValueError(f"expected a length {_between(declaration, 'Length')}")
        if "AllowedPattern" in declaration and not re.fullmatch(declaration["AllowedPattern"], item):
            raise ValueError(f"expected a match of {declaration['AllowedPattern']}")
        allowed = [scalar(choice) for choice in declaration.get("AllowedValues", [item])]
        if item not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}")
    return items if is_list else value


def _between(declaration: dict[str, Any], what: str) -> str:
    bounds = [("from", declaration.get(f"Min{what}")), ("to", declaration.get(f"Max{what}"))]
    return " ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)


def scalar(value: Any) -> str:
    """Returns a scalar as CloudFormation writes it into a string. Raises ValueError for null, a list or a mapping."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is NO_VALUE or value is None or isinstance(value, (dict, list)):
        raise ValueError(f"expected a string, was {'AWS::NoValue' if value is NO_VALUE else shown(value)}")
    return str(value)


def shown(value: Any) -> str:
    """Returns the start of a value as JSON, for a message."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"


def references(value: Any) -> Iterator[str]:
    """Yields the names of the parameters and resources to which the value refers, in the order of the value."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::GetAtt": str(name)}:
            yield name.partition(".")[0]
        case {"Fn::Sub": str(text)}:
            yield from references({"Fn::Sub": [text, {}]})
        case {"Fn::Sub": [str(text), dict(variables)]}:
            names = (name.strip() for literal, name in _VARIABLE.findall(text) if not literal)
            yield from (name.partition(".")[0] for name in names if name not in variables)
            yield from references(variables)
        case dict():
            for item in value.values():
                yield from references(item)
        case list():
            for item in value:
                yield from references(item)


class Resolver:
    """Resolves intrinsic functions. `ref` and `attribute` return the values of Ref and GetAtt for resources.

    Both raise ValueError for an unknown resource or attribute.
    """

    def __init__(
        self,
        template: dict[str, Any],
        parameters: dict[str, Any],
        stack_name: str,
        ref: Callable[[str], Any],
        attribute: Callable[[str, str], Any],
    ) -> None:
        self._mappings = template.get("Mappings") or {}
        self._declared = template.get("Parameters") or {}
        self._conditions = template.get("Conditions") or {}
        self._rules = template.get("Rules") or {}
        self._evaluating: list[str] = []
        self._values = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack_name}/local",
            "AWS::StackName": stack_name,
            "AWS::URLSuffix": "amazonaws.com",
            **parameters,
        }
        self._ref = ref
        self._attribute = attribute
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._reference,
            "Condition": self.condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::Select": self._select,
            "Fn::If": self._if,
            "Fn::Equals": self._equals,
            "Fn::And": lambda conditions: all(self.resolve(condition) for condition in conditions),
            "Fn::Or": lambda conditions: any(self.resolve(condition) for condition in conditions),
            "Fn::Contains": lambda pair: self._items(pair, 2)[1] in self._items(pair, 2)[0],
            "Fn::Not": lambda conditions: not self._items(conditions, 1)[0],
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": lambda value: base64.b64encode(self._string(value).encode()).decode(),
        }

    def resolve(self, value: Any) -> Any:
        """Returns the value with every intrinsic function replaced by its result. Raises ValueError."""
        if isinstance(value, list):
            return list(self._each(enumerate(value)).values())
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in self._functions and (name != "Condition" or isinstance(argument, str)):
                return self._functions[name](argument)
            if isinstance(name, str) and name.startswith("Fn::"):
                raise ValueError(f"{name} is not supported")
        return self._each(value.items())

    def _each(self, items: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
        resolved = {}
        problems = []
        for key, item in items:
            try:
                resolved[key] = self.resolve(item)
            except ValueError as error:
                problems.append(f"{key}: {error}")
        if problems:
            raise ValueError("; ".join(problems))
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Returns whether the condition holds. Raises ValueError for an unknown condition."""
        if name not in self._conditions:
            raise ValueError(f"no condition is named {name}")
        if name in self._evaluating:
            raise ValueError(f"the condition {name} refers to itself")
        self._evaluating.append(name)
        try:
            return bool(self.resolve(self._conditions[name]))
        finally:
            self._evaluating.pop()

    def broken_rules(self) -> list[str]:
        """Returns the descriptions of the rules' assertions that do not hold. Raises ValueError as `resolve`."""
        broken = []
        for name, rule in self._rules.items():
            if self.resolve(rule.get("RuleCondition", True)):
                for assertion in rule.get("Assertions", []):
                    if not self.resolve(assertion.get("Assert")):
                        said = assertion.get("AssertDescription", "an assertion about the parameters does not hold")
                        broken.append(f"{name}: {said}")
        return broken

    def parameters_of(self, condition: str) -> list[str]:
        """Returns the parameters on which the condition depends, directly or through other conditions."""
        found: dict[str, None] = {}

        def collect(value: Any) -> None:
            match value:
                case {"Ref": str(name)} if name in self._declared:
                    found[name] = None
                case {"Condition": str(name)}:
                    collect(self._conditions.get(name))
                case dict():
                    collect(list(value.values()))
                case list():
                    for item in value:
                        collect(item)

        collect(self._conditions[condition])
        return list(found)

    def _reference(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise ValueError(f"Ref: expected a name, was {name!r}")
        return self._values[name] if name in self._values else self._ref(name)

    def _get_att(self, argument: Any) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) != 2:
            raise ValueError(f"Fn::GetAtt: expected a resource and an attribute, was {argument!r}")
        return self._attribute(parts[0], self._string(parts[1]))

    def _sub(self, argument: Any) -> str:
        text, variables = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(variables, dict):
            raise ValueError(f"Fn::Sub: expected a string, or a string and a mapping, was {argument!r}")

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            name = name.strip()
            if literal:
                return "${" + name + "}"
            if name in variables:
                return self._string(variables[name])
            if name in self._values or "." not in name:
                return self._string({"Ref": name})
            return self._string({"Fn::GetAtt": name})

        return _VARIABLE.sub(replace, text)

    def _join(self, argument: Any) -> str:
        separator, items = self._items(argument, 2)
        if not isinstance(items, list):
            raise ValueError(f"Fn::Join: expected a list to join, was {items!r}")
        return scalar(separator).join(self._string(item) for item in items)

    def _split(self, argument: Any) -> list[str]:
        separator, text = self._items(argument, 2)
        return self._string(text).split(scalar(separator))

    def _select(self, argument: Any) -> Any:
        index, items = self._items(argument, 2)
        if not isinstance(items, list) or not scalar(index).isdigit() or int(index) >= len(items):
            raise ValueError(f"Fn::Select: expected an index into {items!r}, was {index!r}")
        return items[int(index)]

    def _if(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            raise ValueError(f"Fn::If: expected a condition and two values, was {argument!r}")
        return self.resolve(argument[1] if self.condition(argument[0]) else argument[2])

    def _equals(self, argument: Any) -> bool:
        # A parameter of any type is a string: 0 equals "0".
        one, other = (
            item if isinstance(item, (dict, list)) or item in (None, NO_VALUE) else scalar(item)
            for item in self._items(argument, 2)
        )
        return bool(one == other)

    def _find_in_map(self, argument: Any) -> Any:
        keys = self._items(argument, 3)
        value = self._mappings
        for key in keys:
            if not isinstance(value, dict) or scalar(key) not in value:
                raise ValueError(f"Fn::FindInMap: the mappings have no {'.'.join(map(scalar, keys))}")
            value = value[scalar(key)]
        return value

    def _items(self, argument: Any, count: int) -> list[Any]:
        if not isinstance(argument, list) or len(argument) != count:
            raise ValueError(f"expected a list of {count}, was {argument!r}")
        return [self.resolve(item) for item in argument]

    def _string(self, value: Any) -> str:
        return scalar(self.resolve(value))
