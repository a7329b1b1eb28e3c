"""LocalStack 4.14, the last version without a licence, from compose.localstack.yaml, with the emulator's gateways.

It has no WebSocket APIs, and its REST APIs ignore authorizers. It also ignores layers, so the layer's packages are
copied into each function before the deployment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import boto3
import yaml
from botocore.config import Config

from tests.e2e.targets import Target
from tests.e2e.targets.deployed import (
    BUILT,
    KEYS,
    PARAMETERS,
    STACK,
    Deployed,
    cloudformation,
    deploy,
    gateway,
    physical_names,
    rest_url,
)
from tests.support.stack import KEY, ROOT

LICENSED = bool(os.environ.get("LOCALSTACK_AUTH_TOKEN"))
SAMLOCAL = str(ROOT / ".venv/samlocal/bin/samlocal")
NETWORK = "order-engine"
ENDPOINT, INSIDE = "http://127.0.0.1:4566", "http://localstack:4566"
# As in compose.localstack.yaml, for the tests and for the functions.
DATABASE_URL, REDIS_URL = "postgresql://orders:orders@127.0.0.1:5433/orders", "redis://127.0.0.1:6380/0"
FROM_FUNCTIONS = {"DatabaseUrl": "postgresql://orders:orders@postgres:5432/orders", "RedisUrl": "redis://redis:6379/0"}


@contextmanager
def opened() -> Iterator[Deployed]:
    urls = {"DatabaseUrl": DATABASE_URL, "RedisUrl": REDIS_URL}
    with _composed("licensed" if LICENSED else "free"):
        if LICENSED:
            deploy([SAMLOCAL], ENDPOINT, {**PARAMETERS, **FROM_FUNCTIONS, "AllowedOrigins": ENDPOINT})
            names = physical_names(cloudformation(ENDPOINT), STACK)
            gateways = boto3.client("apigatewayv2", endpoint_url=ENDPOINT, **KEYS)
            websocket = gateways.get_api(ApiId=names["WebSocketApi"])["ApiEndpoint"] + "/v1"
            yield Deployed(rest_url(ENDPOINT, names), websocket, KEY, ENDPOINT, urls, names)
            return
        # This machine's address for the functions' containers and the tests, unreachable from elsewhere.
        host = _output("docker", "network", "inspect", NETWORK, "--format", "{{(index .IPAM.Config 0).Gateway}}")
        with deployed(ENDPOINT, INSIDE, host, FROM_FUNCTIONS) as (rest, websocket, names):
            yield Deployed(rest, websocket, KEY, ENDPOINT, urls, names)


@contextmanager
def deployed(
    endpoint: str, inside: str, host: str, stores: dict[str, str]
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Deploys the stack to the LocalStack at `endpoint`. Yields its REST and WebSocket URLs and its resources' names.

    The functions' containers reach LocalStack at `inside` and the gateways at `host`.
    """
    template = with_layer_inside(BUILT)
    with gateway(endpoint, host) as (rest, websocket):
        addresses = {"WebSocketUrl": websocket, "ConnectionsUrl": websocket.replace("ws", "http", 1)}
        deploy([SAMLOCAL], endpoint, {**PARAMETERS, **stores, **addresses, "AllowedOrigins": rest}, template)
        names = physical_names(cloudformation(endpoint), STACK)
        _create_schema(endpoint, inside, names["MigrateFunction"])
        yield rest, websocket, names


def _create_schema(endpoint: str, inside: str, function: str) -> None:
    """Invokes the custom resource like CloudFormation, because LocalStack ignores custom resources."""
    answers = boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}), **KEYS)
    answers.create_bucket(Bucket="answers")
    event = {
        "RequestType": "Create",
        "RequestId": "1",
        "StackId": STACK,
        "LogicalResourceId": "Schema",
        "ResourceProperties": {"DevelopmentKey": KEY},
        "ResponseURL": f"{inside}/answers/schema",
    }
    functions = boto3.client("lambda", endpoint_url=endpoint, config=Config(read_timeout=150), **KEYS)
    ended = functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    assert "FunctionError" not in ended, ended["Payload"].read()
    answer = json.load(answers.get_object(Bucket="answers", Key="schema")["Body"])
    assert answer["Status"] == "SUCCESS", answer


def with_layer_inside(built: Path) -> Path:
    """Copies the output of `sam build` with the layer's packages in every function. Returns the copy's template."""
    # Next to it, where the template's relative paths are valid too.
    folder = built.parent.with_name("localstack")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(built.parent, folder, copy_function=_linked)
    for logical_id, resource in yaml.safe_load((folder / built.name).read_text())["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            layer, function = folder / "CommonLayer" / "python", folder / logical_id
            shutil.copytree(layer, function, dirs_exist_ok=True, copy_function=_linked)
    return folder / built.name


def _linked(source: str, target: str) -> None:
    """Adds the layer's files that the function does not have itself."""
    with suppress(FileExistsError):
        Path(target).hardlink_to(source)


@contextmanager
def _composed(profile: str) -> Iterator[None]:
    compose = ("docker", "compose", "--file", "compose.localstack.yaml", "--profile", profile)
    try:
        _output(*compose, "up", "--detach", "--wait", "--quiet-pull")
        yield
    finally:
        _output(*compose, "down", "--volumes", "--remove-orphans")


def _output(*command: str) -> str:
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"expected {' '.join(command)} to succeed, was: {ended.stdout}{ended.stderr}"
    return ended.stdout.strip()


# Each concurrent invocation is a container, which is too slow for "load".
TARGET = Target(opened, frozenset({"database", "redis", "clients"}))
