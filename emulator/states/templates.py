"""Compiles payload templates: `Parameters`, `ResultSelector`, `ItemSelector`."""

from __future__ import annotations

from typing import Any

from emulator.states.encoding import encode
from emulator.states.errors import RuntimeFailure
from emulator.states.intrinsics import compile_intrinsic
from emulator.states.paths import Context, Expression, PathError, compile_path


def compile_template(template: Any, place: str, problems: list[str]) -> Expression:
    """Compiles a template with paths and intrinsic functions in its `"name.$"` fields. Adds to `problems`."""
    built = _compile(template, place, problems)
    if built is None:
        return lambda data, context: template
    return built


def compile_value(text: str, field: str) -> Expression:
    """Compiles a path or an intrinsic function. Causes of failures name it `field`. Raises ValueError."""
    if not text.startswith("$"):
        return compile_intrinsic(text)
    find = compile_path(text)

    def value(data: Any, context: Context) -> Any:
        try:
            return find(data, context)
        except PathError as error:
            raise RuntimeFailure(
                f"The JSONPath '{text}' specified for the field '{field}' could not be found in the input "
                f"'{encode(error.data)}'"
            ) from None

    return value


def _compile(template: Any, place: str, problems: list[str]) -> Expression | None:
    if isinstance(template, dict):
        return _compile_object(template, place, problems)
    if isinstance(template, list):
        return _compile_array(template, place, problems)
    return None


def _compile_object(template: dict[str, Any], place: str, problems: list[str]) -> Expression | None:
    fields: dict[str, Any] = {}
    dynamic: list[tuple[str, Expression]] = []
    for key, value in template.items():
        name = key.removesuffix(".$")
        if name in fields:
            problems.append(f"{place}.{key}: {name} occurs twice")
        fields[name] = value
        if name == key:
            expression = _compile(value, f"{place}.{key}", problems)
            if expression is not None:
                dynamic.append((name, expression))
        elif not isinstance(value, str):
            problems.append(f"{place}.{key}: expected a path or an intrinsic function, was {encode(value)}")
        else:
            try:
                dynamic.append((name, compile_value(value, key)))
            except ValueError as error:
                problems.append(f"{place}.{key}: {error}")
    if not dynamic:
        return None

    def build(data: Any, context: Context) -> Any:
        result = fields.copy()
        for name, expression in dynamic:
            result[name] = expression(data, context)
        return result

    return build


def _compile_array(template: list[Any], place: str, problems: list[str]) -> Expression | None:
    compiled = [_compile(item, f"{place}[{index}]", problems) for index, item in enumerate(template)]
    if not any(compiled):
        return None
    items = list(zip(template, compiled, strict=True))
    return lambda data, context: [build(data, context) if build else item for item, build in items]
