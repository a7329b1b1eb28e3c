"""Checks SQS message attributes, and computes the digest that SDKs verify."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from emulator.common.errors import ApiError

Attributes = dict[str, dict[str, str]]

INVALID_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
VALID_CHARACTERS = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"

# Letters outside ASCII are not documented, but SQS takes them.
_NAME = re.compile(r"(?!\.)(?!.*\.\.)[\w.-]+(?<!\.)")
_RESERVED_NAME = re.compile(r"(aws|amazon)\.", re.IGNORECASE)
_TYPE = re.compile(r"(String|Number|Binary)(\..+)?", re.DOTALL)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MOST = 10
_MAX_NAME = 256  # bytes, of a name and of a type
_MAX_DIGITS = 38
_SMALLEST, _LARGEST = Decimal("1E-128"), Decimal("1E+126")
_LISTS = ("StringListValues", "BinaryListValues")


def parse(given: Any) -> Attributes:
    """Returns the attributes of a request's `MessageAttributes`.

    Raises InvalidParameterValue for a name, type or value that SQS refuses.
    """
    if not given:
        return {}
    if not isinstance(given, dict):
        raise ApiError("SerializationException", f"MessageAttributes must be an object, was {type(given).__name__}.")
    if len(given) > _MOST:
        raise _refused(f"Number of message attributes [{len(given)}] exceeds the allowed maximum [{_MOST}].")
    return {name: _parse(name, value) for name, value in given.items()}


def size(attributes: Attributes) -> int:
    """Returns the bytes that the attributes add to a message's size: names, types and values."""
    return sum(
        len(name.encode()) + len(value["DataType"].encode()) + len(_bytes(value)) for name, value in attributes.items()
    )


def md5(attributes: Attributes) -> str:
    """Returns the hexadecimal digest that the SQS Developer Guide defines ("Calculating the MD5 message digest")."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        content = _bytes(value)
        digest.update((b"\x01" if "StringValue" in value else b"\x02") + len(content).to_bytes(4, "big") + content)
    return digest.hexdigest()


def select(attributes: Attributes, names: Iterable[str]) -> Attributes:
    """Returns the attributes that `MessageAttributeNames` asks for: exact names, `prefix.*`, or `All`, `.*` or `*`."""
    names = set(names)
    if not names.isdisjoint({"All", ".*", "*"}):
        return attributes
    prefixes = tuple(name.removesuffix(".*") for name in names if name.endswith(".*"))
    return {name: value for name, value in attributes.items() if name in names or name.startswith(prefixes)}


def _parse(name: str, given: Any) -> dict[str, str]:
    _check_name(name)
    if not isinstance(given, dict):
        raise _refused(f"The message (user) attribute '{name}' must contain a non-empty message attribute value.")
    kind, data_type = _data_type(name, given.get("DataType"))
    if any(given.get(values) for values in _LISTS):
        raise ApiError(
            "UnsupportedOperation", "Message attribute list values in SendMessage operation are not supported."
        )
    key, other = ("BinaryValue", "StringValue") if kind == "Binary" else ("StringValue", "BinaryValue")
    if given.get(other):
        raise _refused(f"The message (user) attribute '{name}' with type '{kind}' must use field '{key}'.")
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise ApiError("SerializationException", f"{key} must be a string, was {type(value).__name__}.")
    if not value:
        raise _refused(f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'.")
    attribute = {"DataType": data_type, key: value}
    if kind == "Binary":
        _check_base64(name, attribute)
    else:
        _check_characters(f"the message (user) attribute '{name}' value", value)
    if kind == "Number":
        _check_number(name, value)
    return attribute


def _check_name(name: str) -> None:
    if not name:
        raise _refused("The request must contain non-empty message (user) attribute names.")
    if len(name.encode(errors="replace")) > _MAX_NAME:
        raise _refused(f"Message (user) attribute name must be at most {_MAX_NAME} bytes long.")
    if _RESERVED_NAME.match(name):
        raise _refused(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. "
            "These strings are reserved for internal use."
        )
    if not _NAME.fullmatch(name):
        raise _refused(
            f"Message (user) attribute name {name!r} is invalid: expected letters, digits, hyphens, underscores and "
            "periods, no period first, last or twice in a row."
        )


def _data_type(name: str, given: Any) -> tuple[str, str]:
    """Returns the type without and with its custom label."""
    if not given:
        raise _refused(f"The message (user) attribute '{name}' must contain a non-empty attribute type.")
    matched = _TYPE.fullmatch(given) if isinstance(given, str) else None
    if matched is None:
        raise _refused(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported type "
            "prefixes: Binary, Number, String."
        )
    if len(given.encode(errors="replace")) > _MAX_NAME:
        raise _refused(f"Message (user) attribute type must be at most {_MAX_NAME} bytes long.")
    _check_characters(f"the type of message (user) attribute '{name}'", given)
    return matched[1], given


def _check_characters(place: str, text: str) -> None:
    if found := INVALID_CHARACTER.search(text):
        raise _refused(
            f"Invalid character '#x{ord(found[0]):X}' was found in {place}, the set of allowed characters is "
            + VALID_CHARACTERS
        )


def _check_number(name: str, text: str) -> None:
    if not _NUMBER.fullmatch(text):
        raise _refused(f"Can't cast the value of message (user) attribute '{name}' to a number.")
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond any range
        number = Decimal("Infinity")
    if number and not _SMALLEST <= abs(number) <= _LARGEST:
        raise _refused(
            f"Message (user) attribute '{name}' number value [{text[:64]}] must be between 10^-128 and 10^126."
        )
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if len(digits) > _MAX_DIGITS:
        raise _refused(
            f"Message (user) attribute '{name}' number value [{text[:64]}] must have at most {_MAX_DIGITS} digits."
        )


def _check_base64(name: str, attribute: dict[str, str]) -> None:
    try:
        _bytes(attribute)
    except (ValueError, binascii.Error):
        raise _refused(f"The value of message (user) attribute '{name}' must be base64.") from None


def _bytes(value: dict[str, str]) -> bytes:
    if "StringValue" in value:
        return value["StringValue"].encode()
    return base64.b64decode(value["BinaryValue"], validate=True)


def _refused(message: str) -> ApiError:
    return ApiError("InvalidParameterValue", message)
