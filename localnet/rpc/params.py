"""The parameters of a call, checked one by one. Whatever is not right raises an `RpcError` that says so."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from localnet import base58
from localnet.chain import Commitment
from localnet.rpc.errors import invalid_params

_REQUIRED: Any = object()


class Params:
    """The parameters of a call, by position."""

    def __init__(self, values: object) -> None:
        if not isinstance(values, list):
            raise invalid_params(f"Invalid params: expected an array, was {_kind(values)}")
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def limit(self, count: int) -> None:
        """Refuses more than `count` parameters."""
        if len(self._values) > count:
            raise invalid_params(f"Invalid params: expected at most {count} parameters, got {len(self._values)}")

    def get(self, index: int, name: str, default: Any = _REQUIRED) -> Any:
        if index < len(self._values) and self._values[index] is not None:
            return self._values[index]
        if default is _REQUIRED:
            raise invalid_params(f"Invalid params: missing {name}")
        return default

    def text(self, index: int, name: str) -> str:
        text: str = _typed(self.get(index, name), str, name)
        return text

    def integer(self, index: int, name: str, default: Any = _REQUIRED) -> int:
        return natural(self.get(index, name, default), name)

    def address(self, index: int, name: str = "an address") -> Pubkey:
        return address(self.get(index, name), name)

    def signature(self, index: int) -> Signature:
        return signature(self.get(index, "a signature"))

    def list(self, index: int, name: str, most: int) -> list[Any]:
        values: list[Any] = _typed(self.get(index, name), list, name)
        if len(values) > most:
            raise invalid_params(f"Too many inputs provided; max {most}")
        return values

    def options(self, index: int, *known: str) -> Options:
        """The configuration object. An option that is not known is refused."""
        options = self.get(index, "a configuration", {})
        self.limit(index + 1)
        return Options(options, known)


class Options:
    """A configuration object. `None` stands for an option that is not given."""

    def __init__(self, values: Any, known: Iterable[str]) -> None:
        _typed(values, dict, "a configuration")
        for name in values:
            if name not in known:
                raise invalid_params(f"Invalid params: option {name!r} is not supported")
        self._values = values

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def flag(self, name: str) -> bool:
        flag: bool = _typed(self._values.get(name) or False, bool, name)
        return flag

    def integer(self, name: str) -> int | None:
        value = self._values.get(name)
        return None if value is None else natural(value, name)

    def choice(self, name: str, *choices: str) -> str | None:
        value = self._values.get(name)
        for choice in choices:
            if value == choice:
                return choice
        if value is not None:
            raise invalid_params(f"Invalid params: expected {name} {' or '.join(choices)}, was {_shown(value)}")
        return None

    def commitment(self, name: str = "commitment") -> Commitment:
        """Finalized, where nothing is said, as in Agave."""
        return Commitment(self.choice(name, *Commitment) or Commitment.FINALIZED)


def natural(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise invalid_params(f"Invalid params: expected {name} as an unsigned integer, was {_shown(value)}")
    return value


def address(value: Any, name: str = "an address") -> Pubkey:
    return Pubkey(_base58(value, 32, name))


def signature(value: Any) -> Signature:
    return Signature(_base58(value, 64, "a signature"))


def blockhash(value: Any) -> Hash:
    return Hash(_base58(value, 32, "a blockhash"))


def binary(value: Any, encoding: str, name: str) -> bytes:
    """Bytes in base58 or base64."""
    text = _typed(value, str, name)
    try:
        return base64.b64decode(text, validate=True) if encoding == "base64" else base58.decode(text)
    except (ValueError, binascii.Error) as error:
        raise invalid_params(f"invalid {encoding} encoding: {error}") from None


def _base58(value: Any, size: int, name: str) -> bytes:
    text = _typed(value, str, name)
    try:
        raw = base58.decode(text) if len(text) <= 2 * size else b""
    except ValueError as error:
        raise invalid_params(f"Invalid param: expected {name}, was {_shown(text)}: {error}") from None
    if len(raw) != size:
        raise invalid_params(f"Invalid param: expected {name} of {size} bytes in base58, was {_shown(text)}")
    return raw


def _typed(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind):
        raise invalid_params(f"Invalid params: expected {name} as {_NAMES[kind]}, was {_kind(value)}")
    return value


_NAMES: dict[type, str] = {str: "a string", list: "an array", dict: "an object", bool: "a boolean", int: "a number"}


def _kind(value: object) -> str:
    return "null" if value is None else _NAMES.get(type(value), "a number")


def _shown(value: object) -> str:
    return repr(value)[:100]
