"""Signatures by AWS KMS. The SDK checks requests and answers by its description of the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from order_engine.aws.kms import KmsKey
from order_engine.domain.errors import VenueUnavailable

ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MESSAGE, SIGNATURE = b"\x80 a message", bytes(range(64))


@pytest.fixture(scope="module")
def client() -> Any:
    return boto3.client("kms", "eu-central-1", aws_access_key_id="any", aws_secret_access_key="any")


@pytest.fixture
def kms(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_key_signs_the_message_itself(client: Any, kms: Stubber) -> None:
    request = {"KeyId": ARN, "Message": MESSAGE, "MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512"}
    kms.add_response("sign", {"Signature": SIGNATURE}, request)
    assert KmsKey(client, ARN).sign(MESSAGE) == SIGNATURE


def test_a_key_that_does_not_sign_is_named_with_the_reason(client: Any, kms: Stubber) -> None:
    kms.add_client_error("sign", "DisabledException", "the key is disabled")
    with pytest.raises(VenueUnavailable, match=f"AWS does not sign with the key {ARN}: .*DisabledException.*disabled"):
        KmsKey(client, ARN).sign(MESSAGE)
