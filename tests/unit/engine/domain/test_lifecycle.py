from __future__ import annotations

from itertools import product

import pytest

from order_engine.domain.lifecycle import FINAL, RUNNING, TRANSITIONS, Status, Trigger, sources, target

ALLOWED = {
    ("open", "activate"): "pending",
    ("open", "replace"): "open",
    ("open", "reach"): "open",
    ("open", "slice"): "open",
    ("open", "complete"): "confirmed",
    ("open", "expire"): "expired",
    ("open", "fail"): "failed",
    ("open", "cancel"): "cancelled",
    ("pending", "return"): "open",
    ("routing", "return"): "open",
    ("building", "return"): "open",
    ("submitted", "return"): "open",
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


def test_only_confirmed_failed_cancelled_and_expired_are_final() -> None:
    assert {Status.CONFIRMED, Status.FAILED, Status.CANCELLED, Status.EXPIRED} == FINAL


def test_a_run_holds_an_order_from_pending_to_submitted() -> None:
    assert {Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED} == RUNNING


@pytest.mark.parametrize("status", list(Status))
def test_every_status_can_be_reached_and_left_unless_it_is_final(status: Status) -> None:
    assert status is Status.PENDING or status in TRANSITIONS.values()
    assert status in FINAL or any(start is status for start, _ in TRANSITIONS)
