"""Histories that `python -m tests.histories` has recorded, replayed through the life-cycle table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from order_engine.domain.lifecycle import FINAL, RUNNING, TRANSITIONS, Status, Trigger
from tests.support.lifecycles import replayed, taken

HISTORIES = sorted((Path(__file__).parents[3] / "histories").glob("*.json"))


def history(path: Path) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(path.read_text())
    return recorded


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_replayed_history_ends_in_the_status_of_its_order(path: Path) -> None:
    recorded = history(path)
    status = replayed(recorded["events"])
    assert status == recorded["order"]["status"]
    assert status in FINAL
    assert recorded["events"][-1]["attempt"] == recorded["order"]["attempt"]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_history_without_one_event_cannot_be_replayed(path: Path) -> None:
    events = history(path)["events"]
    del events[-2]
    with pytest.raises(AssertionError):
        replayed(events)


def test_the_histories_take_every_transition_of_runs_that_the_simulated_market_can_cause() -> None:
    covered = {edge for path in HISTORIES for edge in taken(history(path)["events"])}
    of_runs = {edge for edge in TRANSITIONS if edge[0] in RUNNING}
    assert of_runs - covered == {
        # A transaction expires only after it was recorded as sent.
        (Status.BUILDING, Trigger.ROUTE),
        # Only Postgres can fail there, and then no event can be recorded.
        (Status.BUILDING, Trigger.FAIL),
        (Status.BUILDING, Trigger.RETURN),
    }
