"""Checks SQS message attributes, and computes the digest that SDKs verify."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import Any

from emulator.common.errors import ApiError

Attributes = dict[str, dict[str, str]]

_NAME = re.compile(r"(?!\.|aws\.|amazon\.)(?!.*\.\.)[\w.-]{1,256}(?<!\.)", re.ASCII | re.IGNORECASE)
_TYPE = re.compile(r"(String|Number|Binary)(\..{1,249})?")
_MOST = 10


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
    """Returns the attributes that `MessageAttributeNames` asks for: exact names, `prefix.*`, `All` or `.*`."""
    names = set(names)
    if not names.isdisjoint({"All", ".*"}):
        return attributes
    prefixes = tuple(name[:-1] for name in names if name.endswith(".*"))
    return {name: value for name, value in attributes.items() if name in names or name.startswith(prefixes)}


def _parse(name: str, given: Any) -> dict[str, str]:
    if not _NAME.fullmatch(name):
        raise _refused(
            f"Message attribute name {name!r} is invalid: expected 1 to 256 letters, digits, hyphens, underscores and "
            "periods, no period first, last or twice in a row, and no prefix AWS. or Amazon."
        )
    data_type = given.get("DataType") if isinstance(given, dict) else None
    matched = _TYPE.fullmatch(data_type) if isinstance(data_type, str) else None
    if matched is None:
        raise _refused(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes "
            "is Binary, Number, and String."
        )
    key = "BinaryValue" if matched[1] == "Binary" else "StringValue"
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise _refused(
            f"The message attribute '{name}' must contain a non-empty message attribute value for message attribute "
            f"type '{matched[1]}'."
        )
    attribute = {"DataType": matched[0], key: value}
    try:
        if matched[1] == "Number":
            float(value)
        _bytes(attribute)
    except (ValueError, binascii.Error):
        raise _refused(
            f"Could not cast message attribute '{name}' value to {'base64' if key == 'BinaryValue' else matched[1]}."
        ) from None
    return attribute


def _bytes(value: dict[str, str]) -> bytes:
    if "StringValue" in value:
        return value["StringValue"].encode()
    return base64.b64decode(value["BinaryValue"], validate=True)


def _refused(message: str) -> ApiError:
    return ApiError("InvalidParameterValue", message)
