"""Short versions of the fault run of `make faults`."""

from __future__ import annotations

import pytest

from order_engine.domain.markets import LOCALNET, SIMULATED
from tests.faults.run import Plan, run
from tests.support.folders import data_folder


@pytest.mark.process
# More than twice the bound of a market, so that a run that fails says why.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("market", [SIMULATED, LOCALNET])
async def test_no_order_is_lost_stuck_or_filled_twice_whatever_is_killed(
    market: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(orders=40, kills=4, seconds=8, seed=2, market=market, hurry=True)
    report = await run(plan, data_folder())
    with capsys.disabled():
        print("", *(f"{what:<46} {how_much}" for what, how_much in report.rows), sep="\n")
    assert report.broken == []
