"""Compiles the rules of a Choice state to predicates."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from emulator.states.encoding import encode
from emulator.states.errors import RuntimeFailure
from emulator.states.paths import Context, Expression, PathError, compile_path

Predicate = Callable[[Any, Context], bool]

_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


def timestamp(value: Any) -> datetime | None:
    """Returns the time of an RFC 3339 string such as `2026-01-31T12:00:00Z`, or None for another value."""
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_KINDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "String": (_string, "a string"),
    "Numeric": (_number, "a number"),
    "Timestamp": (timestamp, "a timestamp such as 2026-01-31T12:00:00Z"),
}
_COMPARISONS = {
    kind + name: (convert, compare, expected)
    for kind, (convert, expected) in _KINDS.items()
    for name, compare in _ORDER.items()
} | {"BooleanEquals": (_boolean, operator.eq, "a boolean")}

_TESTS: dict[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": lambda value: _number(value) is not None,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: timestamp(value) is not None,
}


def compile_rule(rule: Any, place: str, problems: list[str], *, ignore: tuple[str, ...] = ()) -> Predicate | None:
    """Returns the condition of a rule without the fields in `ignore`. Adds to `problems` what is wrong with it."""
    if not isinstance(rule, dict):
        problems.append(f"{place}: expected an object, was {encode(rule)}")
        return None
    fields = {name: value for name, value in rule.items() if name not in (*ignore, "Comment")}
    if not isinstance(comment := rule.get("Comment", ""), str):
        problems.append(f"{place}.Comment: expected a string, was {encode(comment)}")
    for name, combine in (("And", all), ("Or", any)):
        if name in fields:
            _refuse_others(fields, (name,), place, problems)
            return _compile_several(fields[name], combine, f"{place}.{name}", problems)
    if "Not" in fields:
        _refuse_others(fields, ("Not",), place, problems)
        inner = compile_rule(fields["Not"], f"{place}.Not", problems)
        return inner and (lambda data, context: not inner(data, context))
    return _compile_comparison(fields, place, problems)


def _refuse_others(fields: dict[str, Any], known: tuple[str, ...], place: str, problems: list[str]) -> None:
    problems += [f"{place}.{name}: unknown field" for name in fields if name not in known]


def _compile_several(rules: Any, combine: Callable[[Any], bool], place: str, problems: list[str]) -> Predicate | None:
    if not isinstance(rules, list) or not rules:
        problems.append(f"{place}: expected a list of rules, was {encode(rules)}")
        return None
    compiled = [compile_rule(rule, f"{place}[{index}]", problems) for index, rule in enumerate(rules)]
    predicates = [predicate for predicate in compiled if predicate is not None]
    return lambda data, context: combine(predicate(data, context) for predicate in predicates)


def _compile_comparison(fields: dict[str, Any], place: str, problems: list[str]) -> Predicate | None:
    operators = [name for name in fields if name != "Variable"]
    if len(operators) != 1:
        problems.append(f"{place}: expected one comparison, was {', '.join(operators) or 'none'}")
        return None
    name = operators[0]
    operand = fields[name]
    try:
        variable = _compile_variable(fields.get("Variable"))
    except ValueError as error:
        problems.append(f"{place}.Variable: {error}")
        return None
    try:
        return _compile_operator(name, operand, variable)
    except ValueError as error:
        problems.append(f"{place}.{name}: {error}")
        return None


def _compile_operator(name: str, operand: Any, variable: Expression) -> Predicate:
    if name == "IsPresent" or name in _TESTS:
        if not isinstance(operand, bool):
            raise ValueError(f"expected a boolean, was {encode(operand)}")
        if name == "IsPresent":
            return lambda data, context: _present(variable, data, context) is operand
        test, value = _TESTS[name], _required(variable)
        return lambda data, context: test(value(data, context)) is operand
    if name == "StringMatches":
        if not isinstance(operand, str):
            raise ValueError(f"expected a string, was {encode(operand)}")
        matches, value = _pattern(operand).fullmatch, _required(variable)
        return lambda data, context: isinstance(text := value(data, context), str) and matches(text) is not None
    comparison = _COMPARISONS.get(name.removesuffix("Path"))
    if comparison is None:
        raise ValueError("unknown comparison")
    convert, compare, expected = comparison
    if name.endswith("Path"):
        other = _required(_compile_variable(operand))
        return _comparison(_required(variable), lambda data, context: convert(other(data, context)), convert, compare)
    constant = convert(operand)
    if constant is None:
        raise ValueError(f"expected {expected}, was {encode(operand)}")
    return _comparison(_required(variable), lambda data, context: constant, convert, compare)


def _comparison(
    left: Expression, right: Expression, convert: Callable[[Any], Any], compare: Callable[[Any, Any], bool]
) -> Predicate:
    def matches(data: Any, context: Context) -> bool:
        value = convert(left(data, context))
        if value is None:
            return False
        other = right(data, context)
        return other is not None and compare(value, other)

    return matches


def _compile_variable(path: Any) -> Expression:
    if not isinstance(path, str):
        raise ValueError(f"expected a path, was {encode(path)}")
    return compile_path(path)


def _required(find: Expression) -> Expression:
    def value(data: Any, context: Context) -> Any:
        try:
            return find(data, context)
        except PathError as error:
            raise RuntimeFailure(
                f"Invalid path '{error.path}': The choice state's condition path references an invalid value."
            ) from None

    return value


def _present(find: Expression, data: Any, context: Context) -> bool:
    try:
        find(data, context)
    except PathError:
        return False
    return True


def _pattern(text: str) -> re.Pattern[str]:
    """Returns the pattern of StringMatches. `*` stands for any characters, `\\*` and `\\\\` for themselves."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        if text[position] == "\\" and text[position + 1 : position + 2] in ("*", "\\"):
            parts.append(re.escape(text[position + 1]))
            position += 2
        else:
            parts.append(".*" if text[position] == "*" else re.escape(text[position]))
            position += 1
    return re.compile("".join(parts), re.DOTALL)
