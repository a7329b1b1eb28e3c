"""Secrets in AWS Secrets Manager. The SDK checks requests and answers by its description of the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from order_engine.aws.secrets import read_secret
from order_engine.domain.errors import VenueUnavailable

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders/solana-AbCdEf"
URL = "https://mainnet.example/?api-key=0123456789"


@pytest.fixture(scope="module")
def client() -> Any:
    return boto3.client("secretsmanager", "eu-central-1", aws_access_key_id="any", aws_secret_access_key="any")


@pytest.fixture
def secrets(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_secret_is_its_text(client: Any, secrets: Stubber) -> None:
    secrets.add_response("get_secret_value", {"SecretString": URL}, {"SecretId": ARN})
    assert read_secret(client, ARN) == URL


def test_a_secret_of_bytes_is_refused_and_not_shown(client: Any, secrets: Stubber) -> None:
    secrets.add_response("get_secret_value", {"SecretBinary": URL.encode()}, {"SecretId": ARN})
    with pytest.raises(RuntimeError, match=f"expected the secret {ARN} to hold text, was bytes") as refused:
        read_secret(client, ARN)
    assert URL not in str(refused.value)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "InternalServiceError"])
def test_a_secret_that_is_not_served_is_named_with_the_reason(client: Any, secrets: Stubber, code: str) -> None:
    secrets.add_client_error("get_secret_value", code)
    with pytest.raises(VenueUnavailable, match=f"AWS does not serve the secret {ARN}: .*{code}"):
        read_secret(client, ARN)
