"""Reads JSON as AWS's services do: Python's own reader also takes NaN and Infinity, and guesses the encoding."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def refuse_constant(constant: str) -> NoReturn:
    """Raises ValueError for NaN, Infinity and -Infinity."""
    raise ValueError(f"{constant} is not JSON")


def parse_json(text: str | bytes) -> Any:
    """Returns the value of a JSON text, bytes in UTF-8. Raises ValueError."""
    try:
        return _decoder.decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise ValueError("expected a JSON text that is less deep") from None


_decoder = json.JSONDecoder(parse_constant=refuse_constant)
