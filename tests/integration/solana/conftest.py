from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.localnet_market import localnet_market


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a localnet with the market's pools, on which a slot passes whenever somebody sends."""
    with localnet_market() as url:
        yield url
