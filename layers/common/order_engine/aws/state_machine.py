"""Executions of an Express state machine of Step Functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from order_engine.ports import ExecutionResult

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class ExpressStateMachine:
    """A `StateMachine`. The client must wait longer than an execution may take, and never retry."""

    def __init__(self, client: SFNClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def run(self, name: str, input: dict[str, Any]) -> ExecutionResult:
        answer = self._client.start_sync_execution(stateMachineArn=self._arn, name=name, input=json.dumps(input))
        return ExecutionResult(answer["status"], answer.get("error"), answer.get("cause"))
