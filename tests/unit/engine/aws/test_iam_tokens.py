"""IAM tokens equal those of AWS's own signers."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from order_engine.aws.iam_tokens import IamTokens
from order_engine.aws.signing import Credentials
from order_engine.storage.database import address

REGION = "eu-central-1"
PROXY = "orders.proxy-abc.eu-central-1.rds.amazonaws.com"
URL = f"postgresql://order_engine@{PROXY}:5432/orders?sslmode=verify-full"
CACHE_URL = "rediss://orders-1a2b3c4d@orders-1a2b3c4d-xyz.serverless.euc1.cache.amazonaws.com:6379"
KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "a/session+token==")


@pytest.fixture
def tokens() -> IamTokens:
    return IamTokens(Credentials(*KEYS), REGION)


def query(token: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(f"//{token}").query, strict_parsing=True).items()}


def signed_within_a_second(password: Callable[[], str], reference: Callable[[], str]) -> tuple[str, str]:
    """A token of each, signed within the same second: the time is part of the signature."""
    for _ in range(100):
        token, expected = password(), reference()
        if query(token)["X-Amz-Date"] == query(expected)["X-Amz-Date"]:
            return token, expected
    raise AssertionError("expected two signatures within a second, in a hundred tries")


@pytest.mark.parametrize("user", ["order_engine", "first.last@example.com"])
def test_a_database_token_equals_that_of_boto3(tokens: IamTokens, user: str) -> None:
    client = boto3.Session(*KEYS, region_name=REGION).client("rds")
    password = tokens.database(*address(URL.replace("order_engine", user.replace("@", "%40"))))
    token, expected = signed_within_a_second(password, lambda: client.generate_db_auth_token(PROXY, 5432, user, REGION))
    assert query(token) == query(expected)
    assert token.startswith(f"{PROXY}:5432/?Action=connect&DBUser=")


def test_a_cache_token_equals_that_of_the_documentation(tokens: IamTokens) -> None:
    """It signs the request with botocore's RequestSigner and removes the scheme."""
    session = boto3.Session(*KEYS, region_name=REGION)
    credentials = session.get_credentials()
    assert credentials is not None
    signer = RequestSigner(ServiceId("elasticache"), REGION, "elasticache", "v4", credentials, session.events)
    cache = "orders-1a2b3c4d"
    asked = f"https://{cache}/?Action=connect&User={cache}&ResourceType=ServerlessCache"
    request = {"method": "GET", "url": asked, "body": {}, "headers": {}, "context": {}}

    def reference() -> str:
        url = signer.generate_presigned_url(request, operation_name="connect", expires_in=900, region_name=REGION)
        return str(url).removeprefix("https://")

    token, expected = signed_within_a_second(tokens.cache(CACHE_URL, cache), reference)
    assert query(token) == query(expected)
    assert token.startswith(f"{cache}/?Action=connect&User={cache}&ResourceType=ServerlessCache&")


def test_a_token_expires_after_15_minutes(tokens: IamTokens) -> None:
    for token in (tokens.database(*address(URL))(), tokens.cache(CACHE_URL, "orders")()):
        assert query(token)["X-Amz-Expires"] == "900"
        assert query(token)["X-Amz-Security-Token"] == KEYS[2]


@pytest.mark.parametrize("url", [f"postgresql://{PROXY}/orders", "postgresql://order_engine@/orders"])
def test_a_database_url_without_a_user_or_a_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected DATABASE_URL to name a user and a host"):
        address(url)


def test_a_cache_url_without_a_user_is_refused(tokens: IamTokens) -> None:
    with pytest.raises(ValueError, match="expected REDIS_URL to name a user"):
        tokens.cache("rediss://host:6379", "orders")
