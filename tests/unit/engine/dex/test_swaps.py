from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from order_engine.dex.swaps import min_out


@given(st.integers(0, 2**64), st.integers(0, 10_000))
def test_min_out_never_exceeds_the_quote(quoted: int, slippage_bps: int) -> None:
    least = min_out(quoted, slippage_bps)
    assert 0 <= least <= quoted
    assert least * 10_000 <= quoted * (10_000 - slippage_bps) < (least + 1) * 10_000
