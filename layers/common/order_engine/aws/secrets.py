"""Secrets in AWS Secrets Manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from order_engine.domain.errors import VenueUnavailable


class SecretsManager(Protocol):
    """What is asked of the SDK's client."""

    def get_secret_value(self, **request: Any) -> Mapping[str, Any]: ...


def read_secret(client: SecretsManager, arn: str) -> str:
    """The text of a secret.

    Raises `VenueUnavailable` if AWS does not serve it, and `RuntimeError` for one that holds bytes. Neither contains
    any of it.
    """
    # The client has imported it already. At the top it would slow down every function.
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client.get_secret_value(SecretId=arn)
    except (BotoCoreError, ClientError) as error:
        raise VenueUnavailable(f"AWS does not serve the secret {arn}: {error}") from error
    text: str | None = answer.get("SecretString")
    if text is None:
        raise RuntimeError(f"expected the secret {arn} to hold text, was bytes")
    return text
