"""MiniStack, in an environment of its own, with embedded stores and the emulator's WebSocket gateway.

MiniStack has WebSocket APIs too, but the address of `@connections` in the template is AWS's, which it cannot take to
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest

from bench import ministack
from emulator import stores
from tests.e2e.stack import KEY, data_folder
from tests.e2e.targets import Target
from tests.e2e.targets.deployed import (
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


@contextmanager
def opened(factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    data = data_folder(factory)
    with (
        stores.postgres(data / "postgres") as database,
        stores.redis(data / "redis") as redis,
        ministack.running() as (_, endpoint),
        gateway(endpoint) as (_, websocket),
    ):
        urls = {"DatabaseUrl": database, "RedisUrl": redis}
        addresses = {"WebSocketUrl": websocket, "ConnectionsUrl": websocket.replace("ws", "http", 1)}
        deploy([ministack.SAM], endpoint, {**PARAMETERS, **urls, **addresses, "AllowedOrigins": endpoint})
        _limit_mappings(endpoint)
        names = physical_names(cloudformation(endpoint), STACK)
        yield Deployed(rest_url(endpoint, names), websocket, KEY, endpoint, urls, names)


def _limit_mappings(endpoint: str) -> None:
    """A parameter's number is a string, which MiniStack's poller compares with numbers: no message is taken then."""
    functions = boto3.client("lambda", endpoint_url=endpoint, **KEYS)
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if "ScalingConfig" in mapping:
            limit = int(mapping["ScalingConfig"]["MaximumConcurrency"])
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": limit})


TARGET = Target(opened, frozenset({"database", "redis", "clients", "load"}))
