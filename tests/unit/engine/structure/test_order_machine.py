"""order.asl.json agrees with the code that it runs."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from order_engine.domain.errors import (
    MAX_ATTEMPTS,
    EngineError,
    Final,
    Reroute,
    StaleRun,
    Transient,
    VenueUnavailable,
    error_class,
)
from order_engine.domain.runs import Run
from order_engine.domain.timing import (
    BLOCKHASH_SECONDS,
    CONFIRM_SECONDS,
    EXECUTION_SECONDS,
    FINALITY_SECONDS,
    LEASE_SECONDS,
    STEP_SECONDS,
)

ROOT = Path(__file__).parents[4]
MACHINE: dict[str, Any] = json.loads((ROOT / "statemachine" / "order.asl.json").read_text())
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
AWS_ERROR = re.compile(r"(States|Lambda|Runtime|Sandbox)\.\w+")

task = pytest.mark.parametrize("task", TASKS)


def names(task: str, field: str) -> list[str]:
    return [name for rule in TASKS[task].get(field, []) for name in rule["ErrorEquals"]]


def concrete(base: type[EngineError]) -> set[str]:
    return {error.__name__ for error in base.__subclasses__()}


@task
def test_a_step_is_tried_max_attempts_times(task: str) -> None:
    retries = TASKS[task]["Retry"]
    assert [retry["MaxAttempts"] + 1 for retry in retries] == [MAX_ATTEMPTS] * len(retries) != []


def test_an_order_is_routed_at_most_max_attempts_times() -> None:
    (choice,) = STATES["MayReroute"]["Choices"]
    assert {"Variable": "$.attempt.number", "NumericLessThan": MAX_ATTEMPTS} in choice["And"]


def test_an_order_that_names_a_quote_is_never_rerouted() -> None:
    (choice,) = STATES["MayReroute"]["Choices"]
    assert {"Variable": "$.order.quote_id", "IsNull": True} in choice["And"]
    assert "quote_id" in {field.name for field in fields(Run)}


@task
def test_a_retry_backs_off_with_jitter_and_a_cap(task: str) -> None:
    for retry in TASKS[task]["Retry"]:
        assert retry["BackoffRate"] > 1
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxDelaySeconds"] >= retry["IntervalSeconds"]


@task
def test_every_error_name_in_the_machine_is_a_class_or_an_aws_error(task: str) -> None:
    for name in names(task, "Retry") + names(task, "Catch"):
        assert AWS_ERROR.fullmatch(name) or error_class(name) is not None, name


@task
def test_exactly_the_transient_errors_are_retried(task: str) -> None:
    ours = {name for name in names(task, "Retry") if not AWS_ERROR.fullmatch(name)}
    assert ours == concrete(Transient)


@task
def test_unknown_errors_are_not_retried(task: str) -> None:
    assert not {"States.ALL", "States.TaskFailed"} & set(names(task, "Retry"))


@pytest.mark.parametrize("task", ["Build", "Submit", "Confirm"])
def test_a_reroute_error_leads_back_to_route(task: str) -> None:
    targets = {name: rule["Next"] for rule in TASKS[task]["Catch"] for name in rule["ErrorEquals"]}
    assert {name for name, target in targets.items() if target == "MayReroute"} == concrete(Reroute)
    assert STATES["MayReroute"]["Default"] == "MarkFailed"
    assert STATES["MayReroute"]["Choices"][0]["Next"] == "Reroute"
    assert STATES["Reroute"]["Next"] == "Route"


@task
def test_a_stale_run_ends_without_touching_the_order(task: str) -> None:
    first = TASKS[task]["Catch"][0]
    assert (first["ErrorEquals"], first["Next"]) == ([StaleRun.__name__], "Superseded")
    assert issubclass(StaleRun, Final)


@pytest.mark.parametrize("task", ["Route", "Build", "Submit", "Confirm"])
def test_any_other_error_fails_the_order_with_its_reason(task: str) -> None:
    last = TASKS[task]["Catch"][-1]
    assert last == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "MarkFailed"}


@task
def test_a_step_ends_when_its_time_is_over(task: str) -> None:
    assert TASKS[task]["TimeoutSeconds"] == STEP_SECONDS


def test_an_execution_outlasts_a_transaction_that_dies_and_the_steps_of_another_attempt() -> None:
    assert MACHINE["TimeoutSeconds"] == EXECUTION_SECONDS < 300
    steps = len(TASKS) * STEP_SECONDS
    assert BLOCKHASH_SECONDS + FINALITY_SECONDS + steps < EXECUTION_SECONDS


def test_no_function_waits_for_a_result() -> None:
    assert STATES["Confirm"]["Next"] == "HasResult"
    (unfinished,) = STATES["HasResult"]["Choices"]
    assert unfinished == {"Variable": "$.order.status", "StringEquals": "submitted", "Next": "AwaitResult"}
    wait = {name: STATES["AwaitResult"][name] for name in ("Type", "Seconds", "Next")}
    assert wait == {"Type": "Wait", "Seconds": CONFIRM_SECONDS, "Next": "Confirm"}


def test_what_may_have_been_sent_is_asked_about_until_the_execution_ends() -> None:
    """The transaction may have landed: no failure but its own ends the order."""
    # Before it sends anything, Submit stores that it does.
    for task, errors in {"Submit": [VenueUnavailable.__name__], "Confirm": names("Confirm", "Retry")}.items():
        unanswered = STATES[task]["Catch"][2]
        assert unanswered == {"ErrorEquals": errors, "ResultPath": None, "Next": "AwaitResult"}


@task
def test_the_lease_outlasts_a_step_with_all_its_retries(task: str) -> None:
    state = TASKS[task]
    (retry,) = state["Retry"]
    pauses = [min(retry["IntervalSeconds"] * 2**n, retry["MaxDelaySeconds"]) for n in range(retry["MaxAttempts"])]
    assert retry["BackoffRate"] == 2
    assert MAX_ATTEMPTS * state["TimeoutSeconds"] + sum(pauses) < LEASE_SECONDS < EXECUTION_SECONDS


@task
def test_a_step_gets_the_order_and_the_attempt(task: str) -> None:
    parameters = TASKS[task]["Parameters"]
    assert parameters["order.$"] == "$.order"
    assert parameters["attempt.$"] == "$.attempt.number"
    assert TASKS[task]["ResultPath"] == "$.order"


def test_every_step_of_the_execute_function_has_a_state() -> None:
    steps = {state["Parameters"].get("step") for state in TASKS.values()} - {None}
    assert steps == {"build", "submit", "confirm", "fail"}
    source = (ROOT / "functions" / "execute" / "app.py").read_text()
    assert set(re.findall(r'case "(\w+)":', source)) == steps


def test_every_state_can_be_reached() -> None:
    reached, following = set(), {MACHINE["StartAt"]}
    while following:
        reached |= following
        following = {name for state in following for name in targets(STATES[state])} - reached
    assert reached == set(STATES)


def targets(state: dict[str, Any]) -> set[str]:
    rules = state.get("Choices", []) + state.get("Catch", [])
    return {rule["Next"] for rule in rules} | {state[key] for key in ("Next", "Default") if key in state}
