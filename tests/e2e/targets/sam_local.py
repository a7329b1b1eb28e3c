"""The REST API by `sam local start-api`, with Docker; everything else by the emulator beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.sam_local import SamLocal, missing, running_sam_local
from tests.e2e.stack import data_folder, running
from tests.e2e.targets import Gap, Target, gaps


@contextmanager
def opened(factory: pytest.TempPathFactory) -> Iterator[SamLocal]:
    if what := missing():
        raise pytest.UsageError(what)
    with running(data_folder(factory)) as stack, running_sam_local(stack) as sam:
        yield sam


_RESPONSES = Gap("sam local has no gateway responses, and takes an authorizer's refusal for an error")
_GAPS = {
    _RESPONSES: (
        "test_access.py::test_no_endpoint_lets_anyone_in_without_a_key",
        "test_cli.py::test_a_key_that_is_refused_ends_with_3",
        "test_dashboard.py::test_nothing_else_is_served[/assets/{version}/..%2Fapp.py]",
    ),
    Gap("sam local does not compress"): (
        "test_dashboard.py::test_the_page_and_its_files_come_without_a_key_and_compressed[]",
    ),
}

# Each request at the same time is a container: "load" is more than it takes.
TARGET = Target(opened, frozenset({"database", "redis", "clients"}), gaps(_GAPS))
