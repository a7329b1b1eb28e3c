"""The state machines and their executions: what they have done, and how to start and stop them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

from emulator.console.parts import Body, Parts, Query, invalid, limit_of, text_of, unknown
from emulator.states import history
from emulator.states.records import StateMachine
from emulator.states.service import Execution

_PAGE, _LONGEST_PAGE = 100, 1000
_STOPPED = "Stopped in the console."


async def machines(parts: Parts, query: Query) -> list[dict[str, Any]]:
    """Returns the machines; `source` is the definition as it was written, after the substitutions."""
    return [
        {
            "name": machine.name,
            "arn": machine.arn,
            "type": machine.type,
            "definition": machine.definition,
            "source": machine.source,
        }
        for machine in parts.step_functions.machines
    ]


async def executions(parts: Parts, query: Query) -> dict[str, Any]:
    """Returns the newest executions and how many there are, or one with its events.

    `machine` and `status` choose among them, and so do `from` and `to`, the seconds since the epoch between which they
    started, and `find`, a text in the name, ARN, error, input or output. `arn` asks for one, with its events after the
    number `after`. Raises ApiError.
    """
    if (arn := query.get("arn")) is not None:
        return _details(_execution(parts, arn), _after(query))
    most = limit_of(query, _PAGE, _LONGEST_PAGE)
    status, text = query.get("status"), query.get("find", "").lower()
    first, last = _moment(query, "from", 0.0), _moment(query, "to", math.inf)
    found = [
        execution
        for execution in parts.step_functions.executions(query.get("machine") or None)
        if first <= execution.started <= last and status in (None, "", execution.status) and _holds(execution, text)
    ]
    return {"executions": [_summary(execution) for execution in found[:most]], "total": len(found)}


def counts(parts: Parts) -> dict[str, Counter[str]]:
    """Returns the number of executions by machine and status."""
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for execution in parts.step_functions.executions():
        counted[execution.machine.name][execution.status] += 1
    return counted


async def start(parts: Parts, body: Body) -> dict[str, Any]:
    """Starts an execution of `machine` with the JSON text `input`, and the `name` if there is one. Raises ApiError."""
    request = {"stateMachineArn": _machine(parts, text_of(body, "machine")).arn, "input": text_of(body, "input", "{}")}
    if name := text_of(body, "name", ""):
        request["name"] = name
    return {"arn": (await parts.step_functions.handle("StartExecution", request))["executionArn"]}


async def stop(parts: Parts, body: Body) -> dict[str, Any]:
    """Stops an execution of either type. Raises ApiError."""
    await parts.step_functions.stop(_execution(parts, text_of(body, "arn")), None, _STOPPED)
    return {}


def _machine(parts: Parts, name: str) -> StateMachine:
    for machine in parts.step_functions.machines:
        if machine.name == name:
            return machine
    raise unknown(f"no state machine has the name {name!r}")


def _execution(parts: Parts, arn: str) -> Execution:
    execution = parts.step_functions.execution(arn)
    if execution is None:
        raise unknown(f"no execution has the ARN {arn!r}")
    return execution


def _holds(execution: Execution, text: str) -> bool:
    if not text:
        return True
    shown = (execution.arn, execution.error, execution.input, execution.output)
    return any(text in part.lower() for part in shown if part)


def _after(query: Query) -> int:
    return int(query["after"]) if query.get("after", "").isdecimal() else 0


def _moment(query: Query, name: str, default: float) -> float:
    if not (text := query.get(name)):
        return default
    try:
        return float(text)
    except ValueError:
        raise invalid(f"{name}: expected seconds since the epoch, was {text!r}") from None


def _summary(execution: Execution) -> dict[str, Any]:
    return {
        "arn": execution.arn,
        "name": execution.name,
        "stateMachine": execution.machine.name,
        "status": execution.status,
        "started": execution.started,
        "seconds": round(execution.duration, 6),
        "error": execution.error,
        "cause": execution.cause,
    }


def _details(execution: Execution, after: int) -> dict[str, Any]:
    events = [history.render(event, number) for number, event in enumerate(execution.recorded[after:], after + 1)]
    return {**_summary(execution), "input": execution.input, "output": execution.output, "events": events}
