from __future__ import annotations

from itertools import product

import pytest

from order_engine.domain.lifecycle import FINAL, TRANSITIONS, Status, Trigger, sources, target

ALLOWED = {
    ("pending", "route"): "routing",
    ("routing", "route"): "routing",
    ("building", "route"): "routing",
    ("submitted", "route"): "routing",
    ("routing", "build"): "building",
    ("building", "submit"): "submitted",
    ("submitted", "confirm"): "confirmed",
    ("pending", "fail"): "failed",
    ("routing", "fail"): "failed",
    ("building", "fail"): "failed",
    ("submitted", "fail"): "failed",
    ("pending", "cancel"): "cancelled",
    ("routing", "cancel"): "cancelled",
    ("building", "cancel"): "cancelled",
}


@pytest.mark.parametrize(("status", "trigger"), list(product(Status, Trigger)))
def test_a_transition_is_allowed_exactly_if_it_is_listed_here(status: Status, trigger: Trigger) -> None:
    expected = ALLOWED.get((status.value, trigger.value))
    assert TRANSITIONS.get((status, trigger)) == expected
    assert (status in sources(trigger)) == (expected is not None)


@pytest.mark.parametrize("trigger", list(Trigger))
def test_a_trigger_always_leads_to_the_same_status(trigger: Trigger) -> None:
    assert {to for (_, by), to in TRANSITIONS.items() if by is trigger} == {target(trigger)}


def test_only_confirmed_failed_and_cancelled_are_final() -> None:
    assert {Status.CONFIRMED, Status.FAILED, Status.CANCELLED} == FINAL


@pytest.mark.parametrize("status", list(Status))
def test_every_status_can_be_reached_and_left_unless_it_is_final(status: Status) -> None:
    assert status is Status.PENDING or status in TRANSITIONS.values()
    assert status in FINAL or any(start is status for start, _ in TRANSITIONS)
