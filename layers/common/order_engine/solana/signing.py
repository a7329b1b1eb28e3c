"""The wallet's signatures, by a key that the engine holds or by one that never leaves AWS KMS."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from order_engine.domain.errors import VenueUnavailable
from order_engine.solana.addresses import ADDRESS_BYTES, SIGNATURE_BYTES, Address, encode

KEY_BYTES = 64
"""A key as `solana-keygen` writes it: the private half, then the public one, which is the address."""

_ED25519_PUBLIC_KEY = bytes.fromhex("302a300506032b6570032100")
"""How a DER SubjectPublicKeyInfo of Ed25519 begins (RFC 8410, section 4); the key follows."""


Errors: TypeAlias = tuple[type[Exception], ...]


class WalletKeyError(ValueError):
    """The wallet's key can't be read, or is none. Messages never contain any of it."""


class Signer(Protocol):
    """A wallet that signs."""

    @property
    def address(self) -> Address: ...

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature of a transaction's message.

        Raises `VenueUnavailable`, and `WalletKeyError` for an answer that is no signature.
        """


class SecretsManager(Protocol):
    """What `Keypair` asks of the SDK's client."""

    def get_secret_value(self, **request: Any) -> Any: ...


class Kms(Protocol):
    """What `KmsSigner` asks of the SDK's client."""

    def get_public_key(self, **request: Any) -> Any: ...

    def sign(self, **request: Any) -> Any: ...


class Keypair:
    """A `Signer` whose key the engine holds."""

    def __init__(self, key: bytes) -> None:
        """`key` is the 64 bytes that `solana-keygen` writes. Raises `WalletKeyError`."""
        # Only an engine that holds its key needs the package, which is slow to import.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if len(key) != KEY_BYTES:
            raise WalletKeyError(f"expected a key of {KEY_BYTES} bytes, was {len(key)} bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(key[:-ADDRESS_BYTES])
        self.address: Address = self._key.public_key().public_bytes_raw()
        if self.address != key[-ADDRESS_BYTES:]:
            raise WalletKeyError("expected a key whose public half belongs to its private one")

    @classmethod
    def from_file(cls, path: Path) -> Keypair:
        """The key in a file of `solana-keygen`'s. Raises `WalletKeyError`."""
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read()
        except OSError as error:
            raise WalletKeyError(f"expected a key in the file {path}, was {error.strerror}") from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise WalletKeyError(f"expected {path} to be usable by its owner only, was mode {mode & 0o777:03o}")
        return cls._from_json(text, f"the file {path}")

    @classmethod
    def from_secret(cls, client: SecretsManager, secret_id: str, unavailable: Errors) -> Keypair:
        """The key in a secret of AWS Secrets Manager, as `solana-keygen` writes it.

        Raises `WalletKeyError`; `VenueUnavailable` for the errors of the client in `unavailable`.
        """
        answer = _ask(client.get_secret_value, unavailable, SecretId=secret_id)
        return cls._from_json(answer.get("SecretString", "").encode(), f"the secret {secret_id}")

    @classmethod
    def _from_json(cls, text: bytes, source: str) -> Keypair:
        try:
            numbers = json.loads(text)
        except (ValueError, RecursionError):
            numbers = None
        if not isinstance(numbers, list) or not all(type(number) is int and 0 <= number < 256 for number in numbers):
            raise WalletKeyError(f"expected {source} to be an array of {KEY_BYTES} numbers from 0 to 255")
        try:
            return cls(bytes(numbers))
        except WalletKeyError as error:
            raise WalletKeyError(f"{source}: {error}") from None

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"Keypair({encode(self.address)})"


class KmsSigner:
    """A `Signer` whose key is in AWS KMS, with the key spec `ECC_NIST_EDWARDS25519`."""

    def __init__(self, client: Kms, key_id: str, unavailable: Errors) -> None:
        """Reads the public key.

        Raises `WalletKeyError`; `VenueUnavailable`, as `sign` does, for the errors of the client in `unavailable`.
        """
        self._client = client
        self._key_id = key_id
        self._unavailable = unavailable
        answer = _ask(client.get_public_key, unavailable, KeyId=key_id)
        key: bytes = answer["PublicKey"]
        if not key.startswith(_ED25519_PUBLIC_KEY) or len(key) != len(_ED25519_PUBLIC_KEY) + ADDRESS_BYTES:
            raise WalletKeyError(f"expected {key_id} to be a key of ECC_NIST_EDWARDS25519, was {answer['KeySpec']}")
        self.address: Address = key[-ADDRESS_BYTES:]

    def sign(self, message: bytes) -> bytes:
        request = {"KeyId": self._key_id, "MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512"}
        signature: bytes = _ask(self._client.sign, self._unavailable, Message=message, **request)["Signature"]
        if len(signature) != SIGNATURE_BYTES:
            raise WalletKeyError(f"expected a signature of {SIGNATURE_BYTES} bytes, was {len(signature)} bytes")
        return signature


def _ask(operation: Callable[..., Any], unavailable: Errors, **request: Any) -> Any:
    try:
        return operation(**request)
    except unavailable as error:
        raise VenueUnavailable(f"AWS does not serve the wallet's key: {error}") from error
