"""The functions of a stack, found by the names that callers use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from emulator.common.account import arn
from emulator.common.errors import ApiError
from emulator.lambda_.names import FunctionName
from emulator.lambda_.records import Function


class Catalog:
    """Finds functions by name or ARN."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._functions = {function.name: function for function in functions}

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions.values())

    def find(self, name_or_arn: str) -> Function:
        """The function of this name, with or without a version or an alias of it. Raises ApiError if there is none."""
        try:
            name = FunctionName.parse(name_or_arn)
            function = self._functions[name.name]
            if name.qualifier in (None, "$LATEST", *function.qualifiers):
                return function
        except (KeyError, ValueError):
            pass
        wanted = name_or_arn if name_or_arn.startswith("arn:") else arn("lambda", f"function:{name_or_arn}")
        raise ApiError("ResourceNotFoundException", f"Function not found: {wanted}", 404)
