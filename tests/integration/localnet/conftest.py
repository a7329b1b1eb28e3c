from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.localnet import Localnet


@pytest.fixture
def localnet() -> Iterator[Localnet]:
    """One in which every transaction makes a block."""
    localnet = Localnet()
    yield localnet
    localnet.kill()


@pytest.fixture
def slotted() -> Iterator[Localnet]:
    """One whose slots pass when the test says so."""
    localnet = Localnet(instant=False)
    yield localnet
    localnet.kill()
