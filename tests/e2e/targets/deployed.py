"""`sam deploy` and the deployed stack, for the targets to which the template is deployed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import boto3
import pytest

from emulator.common.account import REGION
from order_engine.domain.markets import SIMULATED
from tests.support.stack import KEY, ROOT
from tools import sam_deploy

STACK = "orders"
BUILT = ROOT / ".aws-sam/build/template.yaml"
PARAMETERS = {
    "Architecture": "x86_64",
    "MarketLatency": "instant",
    "MarketDriftBps": "0",
    "OrdersPerMinute": "0",
    "QuotesPerMinute": "0",
    "ConnectionsPerClient": "0",
    "MaxOrderValue": "0",
    "DevelopmentKey": KEY,
    # Not all targets support alarms on several metrics.
    "Alarms": "false",
}
KEYS: Any = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
"""Returns the settings of clients of an emulated AWS."""
START_SECONDS = 60.0


@dataclass(frozen=True)
class Deployed:
    """A deployed stack. `names` maps logical ids to physical names."""

    rest: str
    websocket: str
    key: str
    endpoint: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """The origin of the REST API's pages."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.rest))

    def physical(self, logical_id: str) -> str:
        return self.names[logical_id]


def simulated(stack: Deployed) -> Deployed:
    """The stack, if it trades in the simulated market: elsewhere the tests would spend what the wallet holds.

    Raises pytest.UsageError.
    """
    request = Request(f"{stack.rest}/api/market", headers={"Authorization": f"Bearer {stack.key}"})
    with urlopen(request, timeout=30) as response:
        market = json.load(response)["market"]
    if market != SIMULATED:
        raise pytest.UsageError(f"expected a stack that trades in the simulated market, was {market}")
    return stack


def cloudformation(endpoint: str | None = None) -> Any:
    return boto3.client("cloudformation", endpoint_url=endpoint, **(KEYS if endpoint else {}))


def physical_names(client: Any, stack: str) -> dict[str, str]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
    }


def deploy(command: list[str], endpoint: str, parameters: Mapping[str, str], template: Path = BUILT) -> None:
    """Deploys the output of `sam build` with `command`, the SAM CLI or a wrapper."""
    if not BUILT.exists():
        raise AssertionError(f"expected the output of sam build in {BUILT}: ARCHITECTURE=x86_64 make build")
    sam_deploy.deploy(command, endpoint, template, STACK, parameters)


@contextmanager
def gateway(endpoint: str, host: str = "127.0.0.1") -> Iterator[tuple[str, str]]:
    """Runs the emulator's gateways for another provider of Lambda. Yields the URLs of the REST and the WebSocket API.

    The stack may be deployed later.
    """
    command = [
        *(sys.executable, "-m", "emulator", "gateway", "--endpoint", endpoint, "--stack", STACK, "--host", host),
        *("--rest-port", "0", "--websocket-port", "0"),
        *("--parameter", "DatabaseUrl=elsewhere", "--parameter", "RedisUrl=elsewhere"),
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, env=sam_deploy.environment(endpoint), stdout=subprocess.PIPE, text=True
    )
    giving_up = threading.Timer(START_SECONDS, process.kill)
    giving_up.start()
    try:
        assert process.stdout is not None
        addresses = [line.split()[1] for line in islice(filter(lambda line: "://" in line, process.stdout), 2)]
        giving_up.cancel()
        assert len(addresses) == 2, f"expected the gateways to come up, they ended with {process.wait()}"
        yield addresses[0], addresses[1]
    finally:
        giving_up.cancel()
        process.terminate()
        process.communicate(timeout=60)


def rest_url(endpoint: str, names: Mapping[str, str]) -> str:
    """Returns the REST API's URL on MiniStack or LocalStack, which serve it without a host name of its own."""
    return f"{endpoint}/_aws/execute-api/{names['Api']}/v1"
