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
from tests.e2e.targets import Gap, Target
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


_NO_NAMES = Gap("MiniStack calls every exception Runtime.HandlerError: Retry and Catch do not find it by its name")
_NO_GATEWAY_RESPONSES = Gap("MiniStack answers as API Gateway does without the template's gateway responses")
_GAPS = {
    _NO_NAMES: (
        "test_aws_clients.py::test_a_run_that_nobody_claimed_the_order_for_ends_stale_and_changes_nothing",
        "test_aws_clients.py::test_what_a_function_raises_is_named_by_its_class",
        "test_cli.py::test_an_order_that_fails_ends_the_command_with_1",
    ),
    _NO_GATEWAY_RESPONSES: ("test_access.py::test_no_endpoint_lets_anyone_in_without_a_key",),
    Gap("MiniStack hands a body that is no UTF-8 on as text, with other characters in it"): (
        "test_bad_input.py::test_a_body_that_is_no_json_object_is_refused[no UTF-8]",
    ),
    Gap("MiniStack decodes a path before it matches it"): (
        "test_bad_input.py::test_an_id_that_is_no_uuid_is_refused[%00]",
        "test_bad_input.py::test_an_id_that_is_no_uuid_is_refused[a%2Fb]",
    ),
}

TARGET = Target(
    opened,
    frozenset({"database", "redis", "clients", "load"}),
    {test: gap for gap, tests in _GAPS.items() for test in tests},
)
