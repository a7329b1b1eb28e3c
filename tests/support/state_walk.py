"""An execution of the order state machine, one step at a time, so that a test can act between steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from order_engine.domain.errors import EngineError
from order_engine.domain.runs import Run
from order_engine.ports import ExecutionResult
from order_engine.services.execution import Execution

_FILE = Path(__file__).parents[2] / "statemachine" / "order.asl.json"
MACHINE: dict[str, Any] = json.loads(_FILE.read_text())


@dataclass(frozen=True)
class Invocation:
    """The input of an invocation, which may run late and more than once."""

    state: str
    order: dict[str, Any]
    attempt: int
    error: dict[str, str]

    def carry_out(self, execution: Execution) -> dict[str, Any]:
        run = Run.load(self.order, self.attempt)
        if self.state == "MarkFailed":
            return execution.fail(run, self.error).dump()
        step = {"Route": execution.route, "Build": execution.build, "Submit": execution.submit}
        return step.get(self.state, execution.confirm)(run).dump()


class Walk:
    """The state of an execution: at a Task until it has ended. `wait` lets seconds pass."""

    def __init__(self, order_id: str, name: str, input: dict[str, Any], wait: Callable[[float], None]) -> None:
        self.order_id = order_id
        self.name = name
        self.answer: str | None = None
        self._wait = wait
        self._data: dict[str, Any] = {"error": {}, **input}
        self._tries = 0
        self._enter(MACHINE["StartAt"])

    def invocation(self) -> Invocation:
        return Invocation(self._state, self._data["order"], self._data["attempt"]["number"], self._data["error"])

    def succeeded(self, order: dict[str, Any]) -> None:
        self._data["order"] = order
        self._enter(MACHINE["States"][self._state]["Next"])

    def failed(self, error: str, cause: str) -> None:
        state = MACHINE["States"][self._state]
        self._tries += 1
        if any(error in rule["ErrorEquals"] and self._tries <= rule["MaxAttempts"] for rule in state["Retry"]):
            return None
        for rule in state["Catch"]:
            if error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]:
                self._data["error"] = {"Error": error, "Cause": json.dumps({"errorMessage": cause})}
                return self._enter(rule["Next"])
        self.answer = error

    def _enter(self, name: str) -> None:
        """Moves to the next Task, or to the end."""
        state = MACHINE["States"][name]
        self._state, self._tries = name, 0
        match state["Type"]:
            case "Choice":
                self._enter(next((rule["Next"] for rule in state["Choices"] if self._holds(rule)), state["Default"]))
            case "Pass":
                assert state["Parameters"] == {"number.$": "States.MathAdd($.attempt.number, 1)"}
                self._data["attempt"] = {"number": self._data["attempt"]["number"] + 1}
                self._enter(state["Next"])
            case "Wait":
                self._wait(state["Seconds"])
                self._enter(state["Next"])
            case "Succeed":
                self.answer = "succeeded"
            case "Fail":
                self.answer = state["Error"]

    def _holds(self, rule: dict[str, Any]) -> bool:
        if "And" in rule:
            return all(self._holds(part) for part in rule["And"])
        value: Any = self._data
        for name in rule["Variable"].split(".")[1:]:
            value = value[name]
        match rule:
            case {"NumericLessThan": limit}:
                return bool(value < limit)
            case {"IsNull": wanted}:
                return (value is None) is wanted
        return bool(value == rule["StringEquals"])


def run_to_end(
    execution: Execution, name: str, input: dict[str, Any], wait: Callable[[float], None]
) -> ExecutionResult:
    """Runs an execution of the state machine with this input to its end, as `StateMachine.run`."""
    state = json.loads(json.dumps(input))
    walk = Walk(state["order"]["order_id"], name, state, wait)
    while walk.answer is None:
        try:
            walk.succeeded(walk.invocation().carry_out(execution))
        except EngineError as error:
            walk.failed(error.code, str(error))
    succeeded = walk.answer == "succeeded"
    return ExecutionResult("SUCCEEDED" if succeeded else "FAILED", None if succeeded else walk.answer, None)
