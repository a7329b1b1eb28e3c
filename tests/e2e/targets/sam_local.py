"""The REST API on `sam local start-api` with Docker, and everything else on an emulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.targets import Gap, Target, gaps
from tests.support.folders import data_folder
from tests.support.sam_local import SamLocal, missing, running_sam_local
from tests.support.stack import running


@contextmanager
def opened() -> Iterator[SamLocal]:
    if what := missing():
        raise pytest.UsageError(what)
    with running(data_folder()) as stack, running_sam_local(stack) as sam:
        yield sam


_RESPONSES = Gap("sam local has no gateway responses, and takes an authorizer's refusal for an error")
_PATHS = Gap("sam local decodes a path before it matches it")
_GAPS = {
    _RESPONSES: (
        "test_access.py::test_no_endpoint_admits_a_caller_without_a_key",
        "test_cli.py::test_a_refused_key_ends_with_3",
        "test_dashboard.py::test_other_paths_are_not_found[/assets/{version}/..%2Fapp.py]",
        "test_descriptions.py::test_there_are_no_other_descriptions",
        "test_reading.py::test_an_unknown_path_or_method_is_not_found",
    ),
    _PATHS: (
        "test_bad_input.py::test_an_id_that_is_not_a_uuid_is_refused[%00]",
        "test_bad_input.py::test_an_id_that_is_not_a_uuid_is_refused[a%2Fb]",
        "test_cli.py::test_bad_input_ends_with_2_and_a_reason[arguments7-orderId: expected a UUID like]",
    ),
    Gap("sam local takes no body that is not UTF-8"): (
        "test_bad_input.py::test_a_body_that_is_not_a_json_object_is_refused[no UTF-8]",
    ),
    Gap("sam local answers a preflight with an empty page"): (
        "test_reading.py::test_a_page_of_another_origin_may_submit_and_read_orders",
    ),
    Gap("sam local does not compress"): (
        "test_dashboard.py::test_the_page_needs_no_key_and_its_files_are_compressed[]",
        "test_reference.py::test_the_reference_needs_no_key_and_its_files_are_compressed[-/docs]",
        "test_reference.py::test_the_reference_needs_no_key_and_its_files_are_compressed[-/docs/websocket]",
    ),
}

# Each concurrent request is a container, which is too slow for "load".
TARGET = Target(opened, frozenset({"database", "redis", "clients"}), gaps(_GAPS))
