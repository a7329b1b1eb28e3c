"""The emulator as a process with embedded stores and a localnet, on which it trades."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from order_engine.domain.markets import LOCALNET
from tests.e2e.targets import CAPABILITIES, Target
from tests.support.folders import data_folder
from tests.support.stack import Stack, on_localnet, running


@contextmanager
def opened() -> Iterator[Stack]:
    data = data_folder()
    with running(data, *on_localnet(data)) as stack:
        yield stack


# Tests that start processes of their own do so on the simulated market.
TARGET = Target(opened, frozenset(CAPABILITIES) - {"simulation", "processes"}, market=LOCALNET)
