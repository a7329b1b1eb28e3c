from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.localnet import Localnet
from tests.support.localnet_process import LocalnetProcess, localnet_process


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


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalnetProcess]:
    """A process without a market, in which every transaction makes a block."""
    with localnet_process(tmp_path_factory.mktemp("localnet"), "--no-market", "--instant") as process:
        yield process
