"""The emulator as a process with embedded stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.targets import CAPABILITIES, Target
from tests.support.folders import data_folder
from tests.support.stack import Stack, running


@contextmanager
def opened() -> Iterator[Stack]:
    with running(data_folder()) as stack:
        yield stack


TARGET = Target(opened, frozenset(CAPABILITIES) - {"localnet"})
