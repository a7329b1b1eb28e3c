"""Compiles calls of intrinsic functions such as `States.Format('Hello {}', $.name)`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

from emulator.states.encoding import decode, encode
from emulator.states.errors import EvaluationError, RuntimeFailure
from emulator.states.paths import Context, Expression, PathError, compile_path

_MAX_NESTING = 10
_MAX_TEXT = 10_000
_MAX_ITEMS = 1_000

_NAME = re.compile(r"States\.(\w+)\(")
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_KEYWORDS = {"true": True, "false": False, "null": None}


def compile_intrinsic(text: str) -> Expression:
    """Compiles a call. Raises ValueError if `text` is not one, or one that cannot succeed."""
    call, end = _parse_call(text, 0, 1)
    if text[end:].strip():
        raise ValueError(f"expected nothing after the function, was {encode(text[end:])} in {encode(text)}")

    def evaluate(data: Any, context: Context) -> Any:
        try:
            return call(data, context)
        except PathError as error:
            raise RuntimeFailure(
                f"The function '{text}' had the following error: The JsonPath argument for the field '{error.path}' "
                f"could not be found in the input '{encode(error.data)}'"
            ) from None
        except ValueError as error:
            raise EvaluationError(
                "States.IntrinsicFailure", f"The function '{text}' had the following error: {error}"
            ) from None

    return evaluate


def _parse_call(text: str, start: int, depth: int) -> tuple[Expression, int]:
    match = _NAME.match(text, start)
    if match is None:
        raise ValueError(f"expected a path or an intrinsic function, was {encode(text[start:])}")
    name = match[1]
    if name not in _FUNCTIONS:
        raise ValueError(f"expected one of {', '.join(sorted(_FUNCTIONS))} after States., was {name}")
    if depth > _MAX_NESTING:
        raise ValueError(f"expected at most {_MAX_NESTING} nested functions in {encode(text)}")
    function, least, most = _FUNCTIONS[name]
    arguments: list[Expression] = []
    position = _skip_spaces(text, match.end())
    while text[position : position + 1] != ")":
        if arguments:
            if text[position : position + 1] != ",":
                raise ValueError(f"expected , or ) at {encode(text[position:])} in {encode(text)}")
            position = _skip_spaces(text, position + 1)
        unescape = _keep_escapes if name == "Format" and not arguments else _unescape
        argument, position = _parse_argument(text, position, depth, unescape)
        arguments.append(argument)
        position = _skip_spaces(text, position)
    if not least <= len(arguments) <= most:
        expected = f"{least}" if least == most else f"{least} or more" if most == math.inf else f"{least} to {most}"
        raise ValueError(f"States.{name}: expected {expected} arguments, was {len(arguments)}")
    return (lambda data, context: function(*[argument(data, context) for argument in arguments])), position + 1


def _parse_argument(text: str, position: int, depth: int, unescape: Callable[[str], str]) -> tuple[Expression, int]:
    if text.startswith("$", position):
        end = _path_end(text, position)
        return compile_path(text[position:end].rstrip()), end
    if match := _STRING.match(text, position):
        return _constant(unescape(match[1])), match.end()
    if match := _NUMBER.match(text, position):
        return _constant(decode(match[0])), match.end()
    for keyword, value in _KEYWORDS.items():
        if text.startswith(keyword, position):
            return _constant(value), position + len(keyword)
    return _parse_call(text, position, depth + 1)


def _constant(value: Any) -> Expression:
    return lambda data, context: value


def _skip_spaces(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def _path_end(text: str, start: int) -> int:
    """Returns the position of the comma or bracket at which the path ends."""
    depth = 0
    quote = ""
    escaped = False
    for position in range(start, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "'\"":
            quote = character
        elif character in "[(":
            depth += 1
        elif character in "])" and depth:
            depth -= 1
        elif character in ",)" and not depth:
            return position
    raise ValueError(f"expected ) at the end of {encode(text)}")


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", _unescape_one, text, flags=re.DOTALL)


def _unescape_one(match: re.Match[str]) -> str:
    if match[1] not in "'{}\\":
        raise ValueError(f"expected \\', \\{{, \\}} or \\\\ after a backslash, was {match[0]}")
    return match[1]


def _keep_escapes(text: str) -> str:
    _unescape(text)
    return text


# The functions


def _array_argument(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"expected an array, was {encode(value)}")
    return value


def _string_argument(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a string, was {encode(value)}")
    return value


def _short_string_argument(value: Any) -> str:
    if len(_string_argument(value)) > _MAX_TEXT:
        raise ValueError(f"expected at most {_MAX_TEXT} characters, was {len(value)}")
    return str(value)


def _integer_argument(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, was {encode(value)}")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("expected a finite number")
        # As Java's Math.round: halves go up.
        return math.floor(value + 0.5)
    return value


def _format(template: Any, *values: Any) -> str:
    literals = _format_literals(_string_argument(template))
    if len(literals) != len(values) + 1:
        raise ValueError(f"expected as many values as {{}} in the template ({len(literals) - 1}), was {len(values)}")
    parts = [literals[0]]
    for value, literal in zip(values, literals[1:], strict=True):
        parts += (_shown(value), literal)
    return "".join(parts)


def _format_literals(template: str) -> list[str]:
    literals = [""]
    position = 0
    while position < len(template):
        character = template[position]
        if character == "\\" and template[position + 1 : position + 2] in ("'", "{", "}", "\\"):
            literals[-1] += template[position + 1]
            position += 2
        elif template.startswith("{}", position):
            literals.append("")
            position += 2
        elif character in "{}":
            raise ValueError(f"expected {{}} or an escaped brace, was a lone {character}")
        else:
            literals[-1] += character
            position += 1
    return literals


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) + "}"
    return encode(value)


def _string_to_json(text: Any) -> Any:
    if text is None or not _string_argument(text).strip():
        return None
    try:
        return decode(text)
    except ValueError as error:
        raise ValueError(f"expected JSON, was {encode(text)} ({error})") from None


def _array_partition(array: Any, size: Any) -> list[list[Any]]:
    items, length = _array_argument(array), _integer_argument(size)
    if length <= 0:
        raise ValueError(f"expected a positive size, was {length}")
    return [items[start : start + length] for start in range(0, len(items), length)]


def _array_contains(array: Any, value: Any) -> bool:
    # The texts of 1 and true differ, unlike the values.
    return _canonical(value) in map(_canonical, _array_argument(array))


def _array_unique(array: Any) -> list[Any]:
    unique: dict[str, Any] = {}
    for item in _array_argument(array):
        unique.setdefault(_canonical(item), item)
    return list(unique.values())


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode(key)}:{_canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(_canonical, value))}]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return encode(value)


def _array_range(first: Any, last: Any, step: Any) -> list[int]:
    start, stop, increment = _integer_argument(first), _integer_argument(last), _integer_argument(step)
    if increment == 0:
        raise ValueError("expected a step other than 0")
    numbers = range(start, stop + (1 if increment > 0 else -1), increment)
    if len(numbers) > _MAX_ITEMS:
        raise ValueError(f"expected at most {_MAX_ITEMS} items, was {len(numbers)}")
    return list(numbers)


def _array_get_item(array: Any, index: Any) -> Any:
    items = _array_argument(array)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(items):
        raise ValueError(f"expected an index of the array's {len(items)} items, was {encode(index)}")
    return items[index]


def _base64_encode(text: Any) -> str:
    return base64.b64encode(_short_string_argument(text).encode("utf-8", "surrogatepass")).decode()


def _base64_decode(text: Any) -> str:
    try:
        return base64.b64decode(_short_string_argument(text), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"expected text in Base64, was {encode(text)} ({error})") from None


_ALGORITHMS = {
    "MD5": hashlib.md5,
    "SHA-1": hashlib.sha1,
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


def _hash(text: Any, algorithm: Any) -> str:
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise ValueError(f"expected one of {', '.join(_ALGORITHMS)}, was {encode(algorithm)}")
    return _ALGORITHMS[algorithm](_short_string_argument(text).encode("utf-8", "surrogatepass")).hexdigest()


def _json_merge(first: Any, second: Any, deep: Any) -> dict[str, Any]:
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise ValueError("expected two objects")
    if deep is not False:
        raise ValueError("expected false as third argument: only shallow merging is supported")
    return {**first, **second}


def _math_random(first: Any, end: Any, seed: Any = None) -> int:
    start, stop = _integer_argument(first), _integer_argument(end)
    if start >= stop:
        raise ValueError(f"expected a start below the end, was {start} and {stop}")
    return random.Random(None if seed is None else _integer_argument(seed)).randrange(start, stop)


def _string_split(text: Any, separators: Any) -> list[str]:
    if not _string_argument(separators):
        return [_string_argument(text)]
    return [part for part in re.split(f"[{re.escape(separators)}]", _string_argument(text)) if part]


_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, float]] = {
    "Format": (_format, 1, math.inf),
    "StringToJson": (_string_to_json, 1, 1),
    "JsonToString": (encode, 1, 1),
    "Array": (lambda *items: list(items), 0, math.inf),
    "ArrayPartition": (_array_partition, 2, 2),
    "ArrayContains": (_array_contains, 2, 2),
    "ArrayRange": (_array_range, 3, 3),
    "ArrayGetItem": (_array_get_item, 2, 2),
    "ArrayLength": (lambda array: len(_array_argument(array)), 1, 1),
    "ArrayUnique": (_array_unique, 1, 1),
    "Base64Encode": (_base64_encode, 1, 1),
    "Base64Decode": (_base64_decode, 1, 1),
    "Hash": (_hash, 2, 2),
    "JsonMerge": (_json_merge, 3, 3),
    "MathRandom": (_math_random, 2, 3),
    "MathAdd": (lambda first, second: _integer_argument(first) + _integer_argument(second), 2, 2),
    "StringSplit": (_string_split, 2, 2),
    "UUID": (lambda: str(uuid.uuid4()), 0, 0),
}
