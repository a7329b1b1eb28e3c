"""The emulator as a process with embedded stores and a localnet, on which it trades.

With PROGRAMS, a folder that `make programs` has filled, the localnet runs the DEXs' own programs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.stores import free_port
from order_engine.domain.markets import LOCALNET
from tests.e2e.targets import CAPABILITIES, Target
from tests.support.folders import data_folder
from tests.support.stack import Stack, running
from tools.run import on_localnet


@contextmanager
def opened() -> Iterator[Stack]:
    data, programs = data_folder(), os.environ.get("PROGRAMS")
    options = on_localnet(data, None, Path(programs) if programs else None, free_port(), "--instant", "--still")
    with running(data, *options) as stack:
        yield stack


# Tests that start processes of their own do so on the simulated market.
TARGET = Target(opened, frozenset(CAPABILITIES) - {"simulation", "processes"}, market=LOCALNET)
