"""A state machine that the interpreter runs, with a function and a queue that do what a test says."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from emulator.common.errors import ApiError
from emulator.lambda_.functions import Invocation
from emulator.states.errors import Failure
from emulator.states.interpreter import Execution, Interpreter, Scope
from emulator.states.language import parse
from emulator.states.tasks import Tasks
from tests.support.emulator.no_functions import NoFunctions

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


TASK = {"Type": "Task", "Resource": FUNCTION, "End": True}


CAUGHT = {"Type": "Pass", "End": True}


QUEUE = "http://127.0.0.1/000000000000/q"


def failing(kind: str) -> Invocation:
    return Invocation(json.dumps({"errorMessage": "no", "errorType": kind}).encode(), error=True)


class Function(NoFunctions):
    """Returns `answers` one after another, then echoes."""

    def __init__(self, *answers: Invocation | Exception) -> None:
        self.answers = list(answers)
        self.payloads: list[Any] = []

    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        self.payloads.append(json.loads(payload))
        answer = self.answers.pop(0) if self.answers else Invocation(payload)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Machine:
    def __init__(self, *states: dict[str, Any], function: Any = None, start: str = "S", **others: Any) -> None:
        named = {f"S{index or ''}": state for index, state in enumerate(states)}
        self.graph = parse({"StartAt": start, "States": {**named, **others}}).graph
        self.function = Function() if function is None else function
        self.sent: list[dict[str, Any]] = []
        self.slept: list[float] = []
        self.execution = Execution({"Name": "e"}, {"Name": "m"}, now=lambda: 1_700_000_000.0)
        self.sleep: Callable[[float], Awaitable[None]] = self._sleep

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        self.sent.append(request)
        if request["QueueUrl"] != QUEUE:
            raise ApiError(request["QueueUrl"].rpartition("/")[2], "no")
        return {"MessageId": "id", "MD5OfMessageBody": "md5"}

    async def start(self, data: Any = None) -> Any:
        interpreter = Interpreter(Tasks(self.function, self._send), sleep=self.sleep, uniform=random.Random(1).uniform)
        self.execution.record("ExecutionStarted", 0, {"input": data})
        return await interpreter.run(self.graph, {} if data is None else data, Scope(self.execution))

    def run(self, data: Any = None) -> Any:
        return asyncio.run(self.start(data))

    def fails(self, data: Any = None) -> Failure:
        with pytest.raises(Failure) as failed:
            self.run(data)
        return failed.value

    def events(self) -> list[tuple[int, int, str]]:
        return [(number, event.previous, event.type) for number, event in enumerate(self.execution.events, 1)]


def retrying(*retriers: dict[str, Any]) -> dict[str, Any]:
    return {**TASK, "Retry": list(retriers)}


def branch(name: str, **state: Any) -> dict[str, Any]:
    ends = {} if state["Type"] in ("Fail", "Succeed") else {"End": True}
    return {"StartAt": name, "States": {name: {**state, **ends}}}


def send(body: Any, url: str = QUEUE) -> dict[str, Any]:
    return {
        **TASK,
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": url, "MessageBody": body},
    }


PASS = {"Type": "Pass", "End": True}
