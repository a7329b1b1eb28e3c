"""The hosts that are called. None is reached: a proxy on loopback, or the resolver, writes them down and refuses."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from botocore.config import Config
from botocore.session import get_session

from order_engine.aws.json_api import AwsError
from order_engine.ports import ConnectionRefused
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
    ],
    ids=["KMS", "Secrets Manager"],
)
def test_the_sdk_calls_services_by_names_that_have_ipv6_addresses(
    aws: Any, called: set[str], call: Callable[[Any], object], host: str
) -> None:
    """By AWS's documentation:

    - https://docs.aws.amazon.com/kms/latest/developerguide/ipv6-kms.html
    - https://docs.aws.amazon.com/secretsmanager/latest/userguide/ip-access.html
    """
    with pytest.raises(Exception, match="Failed to connect to proxy URL"):
        call(aws)
    assert called == {f"{host}:443"}


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, int]]:
    """The host and port that each call asks for."""
    asked: set[tuple[str, int]] = set()

    def resolve(host: str, port: int, *_: object) -> None:
        asked.add((host, port))
        raise socket.gaierror("nothing is resolved here")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def send_order(aws: Any) -> None:
    with pytest.raises(AwsError, match="SendMessage: nothing is resolved here"):
        aws.order_queue().enqueue(UUID(int=1))


def replay(aws: Any) -> None:
    with pytest.raises(AwsError, match="SendMessage: nothing is resolved here"):
        aws.replay_queue().enqueue("c1", UUID(int=1), UUID(int=2))


def run_order(aws: Any) -> None:
    with pytest.raises(AwsError, match="StartSyncExecution: nothing is resolved here"):
        aws.state_machine().run("name", {})


def push(aws: Any) -> None:
    with pytest.raises(ConnectionRefused, match="nothing is resolved here"):
        aws.connections().send("c1", {})


def wake(aws: Any) -> None:
    with pytest.raises(AwsError, match="Invoke: nothing is resolved here"):
        aws.watch_function().start({})


SQS, STATES = "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SFN"


@pytest.mark.parametrize(
    ("region", "variables", "call", "expected"),
    [
        # Endpoints with the first two names, and no others, are in the network that the stack creates.
        (REGION, {}, send_order, (f"sqs.{REGION}.amazonaws.com", 443)),
        (REGION, {}, run_order, (f"sync-states.{REGION}.amazonaws.com", 443)),
        (REGION, {}, replay, (f"sqs.{REGION}.amazonaws.com", 443)),
        # By IPv6.
        (REGION, {}, wake, (f"lambda.{REGION}.api.aws", 443)),
        (REGION, {"AWS_ENDPOINT_URL": "http://one:1"}, wake, ("one", 1)),
        ("cn-north-1", {}, send_order, ("sqs.cn-north-1.amazonaws.com.cn", 443)),
        ("cn-north-1", {}, run_order, ("sync-states.cn-north-1.amazonaws.com.cn", 443)),
        (REGION, {"AWS_ENDPOINT_URL": "http://one:1"}, send_order, ("one", 1)),
        (REGION, {"AWS_ENDPOINT_URL": "http://one:1"}, run_order, ("one", 1)),
        (REGION, {"AWS_ENDPOINT_URL": "http://one:1", SQS: "http://two"}, send_order, ("two", 80)),
        (REGION, {"AWS_ENDPOINT_URL": "http://one:1", STATES: "http://two"}, run_order, ("two", 80)),
        (REGION, {"AWS_ENDPOINT_URL": "http://one:1"}, push, ("api.example.com", 443)),
    ],
)
def test_an_orders_calls_go_to_the_regions_services_unless_another_endpoint_is_set(
    monkeypatch: pytest.MonkeyPatch,
    aws: Any,
    resolved: set[tuple[str, int]],
    region: str,
    variables: dict[str, str],
    call: Callable[[Any], None],
    expected: tuple[str, int],
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    queue = f"https://sqs.{region}.amazonaws.com/123456789012/orders"
    needed = {
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "ORDER_QUEUE_URL": queue,
        "REPLAY_QUEUE_URL": queue,
        "STATE_MACHINE_ARN": "arn",
        "CONNECTIONS_URL": "https://api.example.com/v1",
        "WATCH_FUNCTION": "arn:aws:lambda:eu-central-1:123456789012:function:watch:live",
    }
    for name, value in (needed | variables).items():
        monkeypatch.setenv(name, value)
    call(aws)
    assert resolved == {expected}


@pytest.mark.parametrize("region", [REGION, "us-gov-west-1", "cn-north-1"])
def test_the_sdk_calls_the_same_hosts(monkeypatch: pytest.MonkeyPatch, aws: Any, region: str) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_REGION", region)
    session = get_session()
    session.set_credentials("any", "any")
    states, sqs = (session.create_client(name, region_name=region) for name in ("stepfunctions", "sqs"))
    assert aws._regional("sqs", "SQS") == sqs.meta.endpoint_url
    prefix: Any = states.meta.service_model.operation_model("StartSyncExecution").endpoint
    host = f"{prefix['hostPrefix']}{urlsplit(states.meta.endpoint_url).netloc}"
    assert aws._regional("sync-states", "SFN") == f"https://{host}"
    dualstack = session.create_client("lambda", region_name=region, config=Config(use_dualstack_endpoint=True))
    assert aws._regional("lambda", "LAMBDA", dualstack=True) == dualstack.meta.endpoint_url
