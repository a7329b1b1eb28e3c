"""MiniStack in its own environment, with embedded stores and the emulator's WebSocket gateway.

MiniStack has WebSocket APIs too, but cannot serve the AWS address of `@connections` that the template uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from bench import ministack
from emulator import stores
from tests.e2e.targets import Gap, Target, gaps
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
from tests.support.folders import data_folder
from tests.support.stack import KEY


@contextmanager
def opened() -> Iterator[Deployed]:
    data = data_folder()
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
    """Makes numbers of numeric parameters: MiniStack's poller compares them with numbers and would take no message."""
    functions = boto3.client("lambda", endpoint_url=endpoint, **KEYS)
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if "ScalingConfig" in mapping:
            limit = int(mapping["ScalingConfig"]["MaximumConcurrency"])
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": limit})


_NAMES = "MiniStack calls every exception Runtime.HandlerError: Retry and Catch do not find it by its name"
_GAPS = {
    Gap(_NAMES): (
        "test_aws_clients.py::test_an_execution_without_a_claim_is_stale_and_changes_nothing",
        "test_aws_clients.py::test_a_functions_exception_is_named_by_its_class",
        "test_cli.py::test_a_failed_order_ends_the_command_with_1",
        "test_failures.py::test_without_any_quote_an_order_fails_after_three_attempts_and_says_so_once",
        "test_failures.py::test_a_market_that_recovers_in_time_is_quoted_again",
        "test_failures.py::test_an_order_that_pays_nothing_fails_at_once_and_permanently",
    ),
    Gap(f"{_NAMES}; the order waits until its message comes back, after eight minutes", runs=False): (
        "test_failures.py::test_a_step_that_fails_briefly_is_retried_and_swaps_once",
        "test_failures.py::test_an_order_that_slips_is_quoted_again",
        "test_failures.py::test_an_order_that_slips_three_times_fails_without_a_swap",
        "test_failures.py::test_lost_postgres_connections_lose_no_order",
        "test_load.py::test_failures_are_counted_by_code",
        "test_quotes.py::test_an_order_that_names_a_quote_is_not_routed_again",
    ),
    Gap("MiniStack answers as API Gateway does without the template's gateway responses"): (
        "test_access.py::test_no_endpoint_admits_a_caller_without_a_key",
        "test_cli.py::test_a_refused_key_ends_with_3",
        "test_dashboard.py::test_other_paths_are_not_found[/assets/{version}/..%2Fapp.py]",
        "test_descriptions.py::test_there_are_no_other_descriptions",
        "test_load.py::test_a_refused_key_ends_the_tool",
        "test_reading.py::test_an_unknown_path_or_method_is_not_found",
        "test_reading.py::test_a_page_of_another_origin_may_submit_and_read_orders",
        "test_descriptions.py::test_the_postman_collection_runs_from_its_first_request_to_its_last",
    ),
    Gap("MiniStack's own refusals are not as described", runs=False): (
        "test_descriptions.py::test_whatever_is_sent_is_answered_as_described",
    ),
    Gap("MiniStack leaves MinimumCompressionSize out"): (
        "test_dashboard.py::test_the_page_needs_no_key_and_its_files_are_compressed[]",
        "test_reference.py::test_the_reference_needs_no_key_and_its_files_are_compressed[-/docs]",
        "test_reference.py::test_the_reference_needs_no_key_and_its_files_are_compressed[-/docs/websocket]",
    ),
    Gap("MiniStack hands a body that is no UTF-8 on as text, with other characters in it"): (
        "test_bad_input.py::test_a_body_that_is_not_a_json_object_is_refused[no UTF-8]",
    ),
    Gap("MiniStack decodes a path before it matches it"): (
        "test_bad_input.py::test_an_id_that_is_not_a_uuid_is_refused[%00]",
        "test_bad_input.py::test_an_id_that_is_not_a_uuid_is_refused[a%2Fb]",
        "test_cli.py::test_bad_input_ends_with_2_and_a_reason[arguments7-orderId: expected a UUID like]",
    ),
    Gap("An order takes so long on MiniStack that cancelling it always comes in time", runs=False): (
        "test_cancel.py::test_an_order_is_either_cancelled_and_not_swapped_or_filled",
    ),
}

# Each simultaneous invocation starts a process that imports everything anew.
TARGET = Target(opened, frozenset({"database", "redis", "clients", "load"}), gaps(_GAPS), at_once=8, may_be_slow=True)
