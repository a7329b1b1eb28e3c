"""Finds functions by the names that callers use."""

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
        """Returns the function of this name or ARN. Raises ApiError for an unknown function, version or alias."""
        return self.invoked(name_or_arn)[0]

    def invoked(self, name_or_arn: str) -> tuple[Function, str]:
        """Returns the function of this name or ARN, and its ARN with the version or alias that was named.

        Raises ApiError for an unknown function, version or alias.
        """
        try:
            name = FunctionName.parse(name_or_arn)
            function = self._functions[name.name]
            if name.qualifier is None:
                return function, function.arn
            if name.qualifier in ("$LATEST", *function.qualifiers):
                return function, f"{function.arn}:{name.qualifier}"
        except (KeyError, ValueError):
            pass
        wanted = name_or_arn if name_or_arn.startswith("arn:") else arn("lambda", f"function:{name_or_arn}")
        raise ApiError("ResourceNotFoundException", f"Function not found: {wanted}", 404)
