"""The hosts that the SDK's clients call. A proxy on loopback, which lets nothing through, writes them down."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.support.http_server import serving

REGION = "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:orders/solana-AbCdEf"


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    hosts: set[str] = set()

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            hosts.add(self.path)
            self.send_error(502)

        def log_message(self, *arguments: object) -> None:
            pass

    with serving(Proxy) as address:
        variables = {
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "HTTPS_PROXY": f"http://{address}",
            "NO_PROXY": "",
            "ORDER_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/orders",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield hosts


@pytest.fixture
def aws() -> Any:
    """The module anew: it keeps its clients as long as the process lasts."""
    spec = importlib.util.find_spec("order_engine.bootstrap.aws")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("call", "host"),
    [
        (lambda aws: aws.kms_key(KEY).sign(b"a message"), f"kms.{REGION}.api.aws"),
        (lambda aws: aws.secret(SECRET), f"secretsmanager.{REGION}.amazonaws.com"),
        # The network has an endpoint with this name, and no other.
        (lambda aws: aws.order_queue().ping(), f"sqs.{REGION}.amazonaws.com"),
    ],
    ids=["KMS", "Secrets Manager", "SQS"],
)
def test_every_service_is_called_by_a_name_that_the_network_reaches(
    aws: Any, called: set[str], call: Callable[[Any], object], host: str
) -> None:
    """By AWS's documentation, the first two have IPv6 addresses:

    - https://docs.aws.amazon.com/kms/latest/developerguide/ipv6-kms.html
    - https://docs.aws.amazon.com/secretsmanager/latest/userguide/ip-access.html
    """
    with pytest.raises(Exception, match="Failed to connect to proxy URL"):
        call(aws)
    assert called == {f"{host}:443"}
