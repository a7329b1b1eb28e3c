from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.folders import data_folder
from tests.support.stack import Stack, running


@pytest.fixture(scope="session")
def stack(chromium: str) -> Iterator[Stack]:
    with running(data_folder()) as stack:
        yield stack
