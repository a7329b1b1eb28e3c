"""Parses the names by which callers refer to a function."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_NAME = re.compile(
    r"(?:arn:aws[\w-]*:lambda:[\w-]*:\d*:function:|(?:\d{12}:)?(?:function:)?)"
    r"(?P<name>[\w-]+)(?::(?P<qualifier>[\w$-]+))?"
)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function's name and, if given, its version or alias."""

    name: str
    qualifier: str | None = None

    @classmethod
    @lru_cache
    def parse(cls, text: str) -> FunctionName:
        """Reads `name`, `name:alias`, an ARN, or a part of an ARN. Raises ValueError."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise ValueError(f"expected the name or the ARN of a function, was {text!r}")
        return cls(match["name"], match["qualifier"])
