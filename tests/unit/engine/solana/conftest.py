from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.solana_node import FakeNode, fake_node


@pytest.fixture
def node() -> Iterator[FakeNode]:
    with fake_node() as node:
        yield node


@pytest.fixture
def other_node() -> Iterator[FakeNode]:
    with fake_node() as node:
        yield node
