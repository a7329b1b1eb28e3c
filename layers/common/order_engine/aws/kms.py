"""Keys that never leave AWS KMS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from order_engine.domain.errors import VenueUnavailable


class Kms(Protocol):
    """What is asked of the SDK's client."""

    def sign(self, **request: Any) -> Mapping[str, Any]: ...


class KmsKey:
    """A key of the spec `ECC_NIST_EDWARDS25519`."""

    def __init__(self, client: Kms, arn: str) -> None:
        self._client = client
        self._arn = arn

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of a message of at most 4 096 bytes. Raises `VenueUnavailable`."""
        # The client has imported it already. At the top it would slow down every function.
        from botocore.exceptions import BotoCoreError, ClientError

        request = {"KeyId": self._arn, "MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512"}
        try:
            signature: bytes = self._client.sign(Message=message, **request)["Signature"]
        except (BotoCoreError, ClientError) as error:
            raise VenueUnavailable(f"AWS does not sign with the key {self._arn}: {error}") from error
        return signature
