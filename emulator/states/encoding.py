"""Encodes and decodes JSON as Step Functions does, within its limits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from emulator.common.strict_json import refuse_constant

MAX_BYTES = 262_144


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number} is too large")
    return value


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_decoder = json.JSONDecoder(parse_constant=refuse_constant, parse_float=_finite)

encode = _encoder.encode


def encoder_of(document: Any, text: str) -> Callable[[Any], str]:
    """Writes values as JSON, and `document` itself as `text`, from which it was read: Step Functions passes an input
    on as it was sent until a state changes it, also among the results of a Parallel state."""

    def write(value: Any) -> str:
        if value is document:
            return text
        if isinstance(value, list):
            return f"[{','.join(map(write, value))}]"
        return encode(value)

    return write


def decode(text: str) -> Any:
    """Returns the document in `text`. Raises ValueError if it is not JSON, as with `NaN`, or nested too deeply."""
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None


def size(text: str) -> int:
    """Returns the number of bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def exceeds_limit(value: Any) -> bool:
    """Returns whether `value` is larger than 256 KiB, Step Functions' limit."""
    text = encode(value)
    return len(text) * 4 > MAX_BYTES and size(text) > MAX_BYTES
