"""Event histories as recorded by `python -m tests.histories`, replayed through the life-cycle table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from order_engine.domain.lifecycle import FINAL, TRANSITIONS, Status, Trigger
from tests.support.lifecycles import replayed, taken

HISTORIES = sorted((Path(__file__).parents[3] / "histories").glob("*.json"))


def history(path: Path) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(path.read_text())
    return recorded


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_recorded_history_leads_to_the_status_that_its_order_had(path: Path) -> None:
    recorded = history(path)
    status = replayed(recorded["events"])
    assert status == recorded["order"]["status"]
    assert status in FINAL
    assert recorded["events"][-1]["attempt"] == recorded["order"]["attempt"]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_history_that_lacks_an_event_leads_nowhere(path: Path) -> None:
    events = history(path)["events"]
    del events[-2]
    with pytest.raises(AssertionError):
        replayed(events)


def test_the_histories_go_every_way_but_those_that_no_run_of_this_market_goes() -> None:
    gone = {edge for path in HISTORIES for edge in taken(history(path)["events"])}
    assert set(TRANSITIONS) - gone == {
        # A transaction that expires does so after it was recorded as sent.
        (Status.BUILDING, Trigger.ROUTE),
        # Only Postgres fails there, and then nothing can be recorded.
        (Status.BUILDING, Trigger.FAIL),
    }
