from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from tests.support.stack import Stack

# StartSyncExecution would go to the host sync-127.0.0.1 otherwise.
_CONFIG = Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, read_timeout=60)


@contextmanager
def aws(stack: Stack, service: str) -> Iterator[Any]:
    """Opens a boto3 client of the stack."""
    client = boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=stack.endpoint,
        region_name="us-east-1",
        aws_access_key_id="anyone",
        aws_secret_access_key="anything",
        config=_CONFIG,
    )
    try:
        yield client
    finally:
        client.close()


def order_queue(stack: Stack) -> str:
    return queue_url(stack, "OrderQueue")


def queue_url(stack: Stack, logical_id: str) -> str:
    """Returns the URL of a queue at the stack's endpoint. CloudFormation's may name another host."""
    return f"{stack.endpoint}/000000000000/{stack.physical(logical_id).rpartition('/')[2]}"


def machine(stack: Stack) -> str:
    """Returns the ARN of the order machine."""
    name = stack.physical("OrderMachine").rpartition(":")[2]
    return f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}"


def sweep(stack: Stack) -> None:
    """Runs the sweep like the schedule."""
    with aws(stack, "lambda") as functions:
        functions.invoke(FunctionName=stack.physical("RecoverFunction"), Payload=b"{}")


def watch(stack: Stack) -> None:
    """Starts the watcher like an order that waits. It ends at once if another one watches."""
    with aws(stack, "lambda") as functions:
        functions.invoke(FunctionName=stack.physical("WatchFunction"), InvocationType="Event", Payload=b"{}")
