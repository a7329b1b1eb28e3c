"""Executions of an Express state machine of Step Functions."""

from __future__ import annotations

import json
from typing import Any

from order_engine.aws.json_api import JsonApi
from order_engine.ports import ExecutionResult


class ExpressStateMachine:
    """A `StateMachine`. The API must wait longer than an execution may take, and call once: a repeated call would be a
    second execution.
    """

    def __init__(self, states: JsonApi, arn: str) -> None:
        self._states = states
        self._arn = arn

    def run(self, name: str, input: dict[str, Any]) -> ExecutionResult:
        """Raises `AwsError`."""
        request = {"stateMachineArn": self._arn, "name": name, "input": json.dumps(input)}
        answer = self._states.call("StartSyncExecution", request)
        return ExecutionResult(answer["status"], answer.get("error"), answer.get("cause"))
