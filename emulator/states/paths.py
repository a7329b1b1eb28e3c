"""Compiles JSONPath: paths into a state's data (`$.a`) and into the context object (`$$.Execution.Id`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

import jsonpath

from emulator.states.encoding import encode
from emulator.states.errors import EvaluationError, RuntimeFailure


class Context(Protocol):
    def document(self) -> dict[str, Any]:
        """Returns the context object, which `$$` addresses."""


Expression = Callable[[Any, Context], Any]

# A name without quotes has no character that is an operator of JSONPath.
_STEP = re.compile(
    r"""\.([^\s.\[\]()*?@,:'"$&|^~#]+)|\[(-?\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""", re.DOTALL
)


class PathError(Exception):
    """A path finds nothing in `data`."""

    def __init__(self, path: str, reason: str, data: Any) -> None:
        super().__init__(f"Invalid path '{path}' : {reason}")
        self.path = path
        self.data = data


def steps(text: str) -> tuple[str | int, ...] | None:
    """Returns `("a", 0)` for the reference path `$.a[0]`, and None for a path that may select several values."""
    found: list[str | int] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            return None
        name, index, single, double = match.groups()
        # As on AWS, a backslash keeps a quote from ending the name, and stays in the name.
        found.append(int(index) if index is not None else next(x for x in (name, single, double) if x is not None))
        position = match.end()
    return tuple(found)


def compile_path(text: str) -> Expression:
    """Compiles a path to a function that returns one value, or a list for a path that may select several.

    The function raises PathError if a path for one value finds none. Raises ValueError if `text` is not JSONPath.
    """
    if text.startswith("$$"):
        find = _finder(text[1:], text)
        return lambda data, context: find(context.document())
    find = _finder(text, text)
    return lambda data, context: find(data)


def _finder(text: str, shown: str) -> Callable[[Any], Any]:
    if not text.startswith("$"):
        raise ValueError(f"expected a JSONPath that begins with $, was {encode(shown)}")
    found = steps(text)
    if found is not None:
        return _reference_finder(found, shown)
    try:
        path = jsonpath.compile(text)
    except jsonpath.JSONPathError as error:
        raise ValueError(f"expected a JSONPath, was {encode(shown)} ({error})") from None
    if isinstance(path, jsonpath.CompoundJSONPath):
        raise ValueError(f"expected a JSONPath, was {encode(shown)}, which joins several")
    if not path.singular_query():
        return path.findall

    def find_one(data: Any) -> Any:
        values = path.findall(data)
        if not values:
            raise PathError(shown, f"No results for path: {text}", data)
        return values[0]

    return find_one


def _reference_finder(path: tuple[str | int, ...], shown: str) -> Callable[[Any], Any]:
    def find(data: Any) -> Any:
        value = data
        try:
            for step in path:
                # An index would also select a character of a string.
                if isinstance(step, int) and not isinstance(value, list):
                    raise TypeError
                value = value[step]
        except (KeyError, IndexError, TypeError):
            raise PathError(shown, _reason(path, data), data) from None
        return value

    return find


def _reason(path: tuple[str | int, ...], data: Any) -> str:
    value = data
    for count, step in enumerate(path, 1):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            shown = "".join(f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in path[:count])
            if count == len(path):
                return f"No results for path: ${shown}"
            return f"Missing property in path ${shown}"
    raise AssertionError("the path was found")


def selector(text: str) -> Expression | None:
    """Compiles `InputPath`, `OutputPath` and the like. Returns None for `$`, everything. Raises ValueError."""
    if text == "$":
        return None
    find = compile_path(text)

    def select(data: Any, context: Context) -> Any:
        try:
            return find(data, context)
        except PathError as error:
            raise RuntimeFailure(str(error)) from None

    return select


class ResultPath:
    """The place of a state's result in its input. Raises ValueError if `text` is not a reference path into the data."""

    def __init__(self, text: str) -> None:
        path = None if text.startswith("$$") or not text.startswith("$") else steps(text)
        if path is None:
            raise ValueError(f"expected a reference path such as $.result, was {encode(text)}")
        self._text = text
        self._path = path

    def assign(self, document: Any, result: Any) -> Any:
        """Returns `document` with `result` at the path, without changing `document` itself."""
        try:
            return _assign(document, self._path, result)
        except (TypeError, IndexError):
            cause = f"Unable to apply ReferencePath {self._text} to input {encode(document)}"
            raise EvaluationError("States.ResultPathMatchFailure", cause) from None


def _assign(document: Any, path: tuple[str | int, ...], result: Any) -> Any:
    if not path:
        return result
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        if not isinstance(document, list):
            raise TypeError
        items = list(document)
        items[step] = _assign(items[step], rest, result)
        return items
    if not isinstance(document, dict):
        raise TypeError
    fields = dict(document)
    fields[step] = _assign(fields.get(step, {}), rest, result) if rest else result
    return fields
