"""The wallet's signatures, by a key that the engine holds or by one that it does not."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from order_engine.domain.errors import ChainRefused
from order_engine.solana.addresses import ADDRESS_BYTES, Address, encode

KEY_BYTES = 64
"""A key as `solana-keygen` writes it: the private half, then the public one, which is the address."""


class WalletKeyError(ValueError):
    """The wallet's key can't be read, or is none. Messages never contain any of it."""


class Signer(Protocol):
    """A wallet that signs."""

    @property
    def address(self) -> Address: ...

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature of a transaction's message.

        Raises `VenueUnavailable`, and `ChainRefused` for what is not the wallet's signature.
        """


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
    def create(cls, path: Path) -> Keypair:
        """A new key, in a new file as `solana-keygen` writes it. Raises `WalletKeyError`, also if there is a file."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.generate()
        raw = key.private_bytes_raw() + key.public_key().public_bytes_raw()
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(list(raw), file)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise WalletKeyError(f"expected to create the key file {path}, was {error.strerror}") from None
        return cls(raw)

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
    def from_secret(cls, text: str, name: str) -> Keypair:
        """The key in a secret of this name, which holds the text of such a file. Raises `WalletKeyError`."""
        return cls._from_json(text.encode(), f"the secret {name}")

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


class RemoteSigner:
    """A `Signer` whose key is elsewhere, such as in AWS KMS."""

    def __init__(self, address: Address, sign: Callable[[bytes], bytes]) -> None:
        """`sign` may raise `VenueUnavailable`."""
        self.address = address
        self._sign = sign

    def sign(self, message: bytes) -> bytes:
        """Checks the signature: the chain would only drop a transaction that another key has signed."""
        signature = self._sign(message)
        if not is_signature(self.address, signature, message):
            raise ChainRefused(f"expected the signature of wallet {encode(self.address)}, was that of another key")
        return signature


def is_signature(wallet: Address, signature: bytes, message: bytes) -> bool:
    """Whether the wallet has signed the message."""
    # Slow to import, and needed only where there is a signature to check.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(wallet).verify(signature, message)
    except InvalidSignature:
        return False
    return True
