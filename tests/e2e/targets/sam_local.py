"""The REST API by `sam local start-api`, with Docker; everything else by the emulator beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.sam_local import SamLocal, missing, running_sam_local
from tests.e2e.stack import data_folder, running
from tests.e2e.targets import Target


@contextmanager
def opened(factory: pytest.TempPathFactory) -> Iterator[SamLocal]:
    if what := missing():
        raise pytest.UsageError(what)
    with running(data_folder(factory)) as stack, running_sam_local(stack) as sam:
        yield sam


# Each request at the same time is a container: "load" is more than it takes.
TARGET = Target(opened, frozenset({"database", "redis", "clients"}))
