"""JSON as Step Functions writes and limits it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_BYTES = 262_144


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number} is too large a number")
    return value


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)

encode = _encoder.encode


def decode(text: str) -> Any:
    """The document in `text`. Raises ValueError for what is not JSON (`NaN` is not), or nested too deeply to read."""
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None


def size(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def exceeds_limit(value: Any) -> bool:
    """Whether `value` is larger than 256 KiB, the most that Step Functions passes on."""
    text = encode(value)
    return len(text) * 4 > MAX_BYTES and size(text) > MAX_BYTES
