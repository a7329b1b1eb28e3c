"""The emulator: a process of its own, with embedded stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.targets import CAPABILITIES, Target
from tests.support.folders import data_folder
from tests.support.stack import Stack, running


@contextmanager
def opened(factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(data_folder(factory)) as stack:
        yield stack


TARGET = Target(opened, frozenset(CAPABILITIES))
