"""Step Functions: the operations of its JSON protocol on the state machines of a stack."""

from __future__ import annotations

import asyncio
import math
import re
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from emulator.common.account import arn
from emulator.common.errors import ApiError
from emulator.common.requests import check_parameters
from emulator.common.service import Service
from emulator.common.text import words
from emulator.lambda_.functions import Functions
from emulator.states import history, language
from emulator.states.encoding import MAX_BYTES, decode, encode, encoder_of, size
from emulator.states.errors import Failure
from emulator.states.history import Event
from emulator.states.interpreter import Execution as Run
from emulator.states.interpreter import Interpreter, Scope, rfc3339
from emulator.states.records import StateMachine
from emulator.states.tasks import SendMessage, Tasks

_EXPRESS_SECONDS = 300
_MAX_EVENTS = {"STANDARD": 25_000, "EXPRESS": 250_000}
_KEPT = 1_000

_NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
_STATUSES = ("SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING")
_PARAMETERS = {
    "DescribeExecution": words("executionArn includedData"),
    "DescribeStateMachine": words("includedData stateMachineArn"),
    "DescribeStateMachineForExecution": words("executionArn includedData"),
    "GetExecutionHistory": words("executionArn includeExecutionData maxResults nextToken reverseOrder"),
    "ListExecutions": words("maxResults nextToken stateMachineArn statusFilter"),
    "ListStateMachines": words("maxResults nextToken"),
    # Traces have no effect here.
    "StartExecution": words("input name stateMachineArn traceHeader"),
    "StartSyncExecution": words("includedData input name stateMachineArn traceHeader"),
    "StopExecution": words("cause error executionArn"),
}
_UNSUPPORTED_TYPE = ApiError(
    "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
)

T = TypeVar("T")


@dataclass(eq=False)
class Execution:
    """An execution. Times are in seconds since the epoch; `input` and `output` are JSON texts."""

    arn: str
    name: str
    machine: StateMachine
    input: str
    started: float
    status: Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"] = "RUNNING"
    stopped: float | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    recorded: list[Event] = field(default_factory=list, repr=False)
    write: Callable[[Any], str] = field(default=encode, repr=False)

    @property
    def duration(self) -> float:
        """Returns the seconds until the end, or until now for a running execution."""
        return (self.stopped or time.time()) - self.started


class StepFunctions(Service):
    """Runs the machines of a stack. Raises TemplateError for a definition that is not supported."""

    def __init__(self, machines: Collection[StateMachine], functions: Functions, send_message: SendMessage) -> None:
        self._machines = {machine.arn: machine for machine in machines}
        self._parsed = {machine.arn: language.parse(machine.definition) for machine in machines}
        self._created = time.time()
        self._interpreter = Interpreter(Tasks(functions, send_message))
        self._executions: dict[str, Execution] = {}
        self._ended: deque[str] = deque()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._operations: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "StartExecution": self._start_execution,
            "StartSyncExecution": self._start_sync_execution,
            "StopExecution": self._stop_execution,
            "DescribeExecution": self._describe_execution,
            "ListExecutions": self._list_executions,
            "GetExecutionHistory": self._get_execution_history,
            "DescribeStateMachine": self._describe_state_machine,
            "DescribeStateMachineForExecution": self._describe_state_machine_for_execution,
            "ListStateMachines": self._list_state_machines,
        }

    @property
    def machines(self) -> list[StateMachine]:
        return list(self._machines.values())

    async def handle(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer to an operation of the JSON protocol. Raises ApiError."""
        call = self._operations.get(operation)
        if call is None:
            expected = ", ".join(self._operations)
            raise ApiError("UnknownOperationException", f"Expected one of {expected}, was {operation}.")
        check_parameters(request, _PARAMETERS[operation], operation, "ValidationException")
        return await call(request)

    def executions(self, machine: str | None = None) -> list[Execution]:
        """Returns running executions and the last 1,000 ended ones, of one machine or of all, newest first."""
        return [
            execution
            for execution in reversed(self._executions.values())
            if machine is None or execution.machine.name == machine
        ]

    def execution(self, execution_arn: str) -> Execution | None:
        """Returns an execution of either type."""
        return self._executions.get(execution_arn)

    async def stop(self, execution: Execution, error: str | None, cause: str | None) -> None:
        """Aborts an execution of either type, unless it has ended."""
        task = self._tasks.get(execution.arn)
        if task is not None:
            # A task that is cancelled before its first step records nothing.
            await asyncio.sleep(0)
            if execution.status == "RUNNING":
                execution.error, execution.cause = error, cause
                task.cancel()
                await asyncio.wait([task])

    async def close(self, grace: float) -> None:
        """Lets running executions finish for up to `grace` seconds, then aborts them."""
        tasks = list(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # Running

    def _start(
        self, machine: StateMachine, name: str, text: str, *, synchronous: bool = False
    ) -> tuple[Execution, asyncio.Task[None]]:
        document = _document(text)
        kind = "express" if machine.type == "EXPRESS" else "execution"
        suffix = f":{uuid.uuid4()}" if machine.type == "EXPRESS" else ""
        execution = Execution(
            arn=arn("states", f"{kind}:{machine.name}:{name}{suffix}"),
            name=name,
            machine=machine,
            input=text,
            started=time.time(),
            write=encoder_of(document, text),
        )
        self._executions[execution.arn] = execution
        task = asyncio.get_running_loop().create_task(self._run(execution, document, synchronous))
        self._tasks[execution.arn] = task
        return execution, task

    async def _run(self, execution: Execution, document: Any, synchronous: bool) -> None:
        machine = execution.machine
        context = {
            "Id": execution.arn,
            "Input": document,
            "Name": execution.name,
            "RoleArn": machine.role_arn,
            "StartTime": rfc3339(execution.started),
        }
        if not synchronous:
            context["RedriveCount"] = 0
        run = Run(context, {"Id": machine.arn, "Name": machine.name}, max_events=_MAX_EVENTS[machine.type])
        execution.recorded = run.events
        run.record("ExecutionStarted", 0, {"input": document, "roleArn": machine.role_arn})
        parsed = self._parsed[machine.arn]
        scope = Scope(run)
        limit = parsed.timeout
        if machine.type == "EXPRESS":
            limit = min(limit or _EXPRESS_SECONDS, _EXPRESS_SECONDS)
        timer = asyncio.timeout(limit)
        try:
            async with timer:
                output = await self._interpreter.run(parsed.graph, document, scope)
            execution.output = execution.write(output)
            self._end(execution, scope, "SUCCEEDED", {"output": output})
        except Failure as failure:
            self._fail(execution, scope, failure)
        except TimeoutError as error:
            if timer.expired():
                # As AWS records it, the status of a Standard execution says all.
                execution.error = "States.Timeout" if machine.type == "EXPRESS" else None
                self._end(execution, scope, "TIMED_OUT", {})
            else:
                self._fail(execution, scope, Failure("States.Runtime", repr(error)))
        except asyncio.CancelledError:
            self._end(execution, scope, "ABORTED", {"error": execution.error, "cause": execution.cause})
        except Exception as error:
            self._fail(execution, scope, Failure("States.Runtime", repr(error)))

    def _fail(self, execution: Execution, scope: Scope, failure: Failure) -> None:
        execution.error, execution.cause = failure.error, failure.cause
        self._end(execution, scope, "FAILED", {"error": failure.error, "cause": failure.cause})

    def _end(
        self,
        execution: Execution,
        scope: Scope,
        status: Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
        details: dict[str, Any],
    ) -> None:
        kind = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "TIMED_OUT": "TimedOut", "ABORTED": "Aborted"}[status]
        execution.stopped = time.time()
        execution.status = status
        previous = 0 if status in ("ABORTED", "TIMED_OUT") else scope.previous
        execution.recorded.append(Event(f"Execution{kind}", execution.stopped, previous, details))
        del self._tasks[execution.arn]
        self._ended.append(execution.arn)
        if len(self._ended) > _KEPT:
            del self._executions[self._ended.popleft()]

    # Operations

    async def _start_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        machine = self._machine(request)
        name, text = _name(request), _text(request, "input", "{}")
        if machine.type == "STANDARD":
            known = self._executions.get(arn("states", f"execution:{machine.name}:{name}"))
            if known is not None:
                if known.status == "RUNNING" and known.input == text:
                    return {"executionArn": known.arn, "startDate": known.started}
                raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{known.arn}'")
        execution, _ = self._start(machine, name, text)
        return {"executionArn": execution.arn, "startDate": execution.started}

    async def _start_sync_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        machine = self._machine(request)
        if machine.type != "EXPRESS":
            raise _UNSUPPORTED_TYPE
        with_data = _with_data(request)
        execution, task = self._start(machine, _name(request), _text(request, "input", "{}"), synchronous=True)
        # The execution continues when its caller disconnects.
        await asyncio.shield(task)
        billed = math.ceil(execution.duration * 10) * 100
        return {
            **_described(execution, with_data),
            "outputDetails": {"included": with_data},
            "billingDetails": {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": billed},
        }

    async def _stop_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._standard_execution(request)
        await self.stop(execution, _optional_text(request, "error"), _optional_text(request, "cause"))
        return {"stopDate": execution.stopped}

    async def _describe_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._standard_execution(request)
        described = {**_described(execution, _with_data(request)), "redriveCount": 0}
        if execution.status in ("FAILED", "TIMED_OUT", "ABORTED"):
            return {**described, "redriveStatus": "REDRIVABLE"}
        reason = f"Execution is {execution.status} and cannot be redriven"
        return {**described, "redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}

    async def _list_executions(self, request: dict[str, Any]) -> dict[str, Any]:
        machine = self._machine(request)
        if machine.type == "EXPRESS":
            raise _UNSUPPORTED_TYPE
        status = _optional_text(request, "statusFilter")
        if status is not None and status not in _STATUSES:
            raise _invalid(status, "statusFilter", f"Member must satisfy enum value set: [{', '.join(_STATUSES)}]")
        found = [one for one in self.executions(machine.name) if status in (None, one.status)]
        page, token = _page(found, request, lambda execution: execution.arn)
        return {"executions": [{**_listed(execution), "redriveCount": 0} for execution in page], **token}

    async def _get_execution_history(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._standard_execution(request)
        numbered = list(enumerate(execution.recorded, 1))
        if request.get("reverseOrder") is True:
            numbered.reverse()
        page, token = _page(numbered, request, lambda event: str(event[0]))
        data = request.get("includeExecutionData", True) is not False
        return {
            "events": [history.render(event, number, data=data, write=execution.write) for number, event in page],
            **token,
        }

    async def _describe_state_machine(self, request: dict[str, Any]) -> dict[str, Any]:
        machine = self._machine(request)
        return {
            **_machine_details(machine, _with_data(request)),
            "status": "ACTIVE",
            "type": machine.type,
            "creationDate": self._created,
        }

    async def _describe_state_machine_for_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        machine = self._standard_execution(request).machine
        return {**_machine_details(machine, _with_data(request)), "updateDate": self._created}

    async def _list_state_machines(self, request: dict[str, Any]) -> dict[str, Any]:
        found = sorted(self._machines.values(), key=lambda machine: machine.name)
        page, token = _page(found, request, lambda machine: machine.arn)
        listed = [
            {
                "stateMachineArn": machine.arn,
                "name": machine.name,
                "type": machine.type,
                "creationDate": self._created,
            }
            for machine in page
        ]
        return {"stateMachines": listed, **token}

    def _machine(self, request: dict[str, Any]) -> StateMachine:
        machine_arn = _arn(request, "stateMachineArn", "stateMachine")
        if machine_arn not in self._machines:
            raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{machine_arn}'")
        return self._machines[machine_arn]

    def _standard_execution(self, request: dict[str, Any]) -> Execution:
        execution_arn = _arn(request, "executionArn", "execution")
        if execution_arn not in self._executions:
            raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{execution_arn}'")
        return self._executions[execution_arn]


def _document(text: str) -> Any:
    if size(text) > MAX_BYTES:
        raise _invalid(None, "input", f"Member must have length less than or equal to {MAX_BYTES}")
    try:
        return decode(text)
    except ValueError as error:
        reason = str(error) if text.strip() else "Invalid execution input."
        raise ApiError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{reason}'") from None


def _with_data(request: dict[str, Any]) -> bool:
    """Returns whether the answer has the input, the output and the definition, which METADATA_ONLY leaves out."""
    included = _text(request, "includedData", "ALL_DATA")
    if included not in ("ALL_DATA", "METADATA_ONLY"):
        raise _invalid(included, "includedData", "Member must satisfy enum value set: [ALL_DATA, METADATA_ONLY]")
    return included == "ALL_DATA"


def _described(execution: Execution, with_data: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        **_listed(execution),
        "input": execution.input if with_data else None,
        "inputDetails": {"included": with_data},
        "error": execution.error,
        "cause": execution.cause,
    }
    if execution.output is not None:
        described |= {"output": execution.output if with_data else None, "outputDetails": {"included": with_data}}
    return {name: value for name, value in described.items() if value is not None}


def _listed(execution: Execution) -> dict[str, Any]:
    listed: dict[str, Any] = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine.arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.started,
    }
    return listed if execution.stopped is None else {**listed, "stopDate": execution.stopped}


def _machine_details(machine: StateMachine, with_data: bool) -> dict[str, Any]:
    definition = {"definition": machine.source or encode(machine.definition)} if with_data else {}
    return {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        **definition,
        "roleArn": machine.role_arn,
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
    }


def _invalid(value: object, name: str, constraint: str) -> ApiError:
    shown = "null" if value is None else f"'{value}'"
    message = f"1 validation error detected: Value {shown} at '{name}' failed to satisfy constraint: {constraint}"
    return ApiError("ValidationException", message)


def _optional_text(request: dict[str, Any], name: str) -> str | None:
    value = request.get(name)
    if value is not None and not isinstance(value, str):
        raise ApiError("SerializationException", f"Expected a string as {name}, was {encode(value)}")
    return value


def _text(request: dict[str, Any], name: str, default: str) -> str:
    value = _optional_text(request, name)
    return default if value is None else value


def _name(request: dict[str, Any]) -> str:
    name = _optional_text(request, "name")
    if name is None:
        return str(uuid.uuid4())
    if not _NAME.fullmatch(name):
        raise ApiError("InvalidName", f"Invalid Name: '{name}'")
    return name


def _arn(request: dict[str, Any], name: str, kind: str) -> str:
    value = _optional_text(request, name)
    if value is None:
        raise _invalid(None, name, "Member must not be null")
    parts = value.split(":")
    if len(parts) < 7 or parts[0] != "arn":
        raise ApiError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {value}'")
    if parts[2] != "states" or parts[5] != kind:
        raise ApiError("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {parts[5]}'")
    return value


def _page(items: list[T], request: dict[str, Any], key: Callable[[T], str]) -> tuple[list[T], dict[str, str]]:
    """Returns the items after the one that the token names. New items at the front do not shift the pages."""
    most = request.get("maxResults") or 100
    if isinstance(most, bool) or not isinstance(most, int) or not 0 <= most <= 1000:
        raise _invalid(most, "maxResults", "Member must have value less than or equal to 1000")
    start = 0
    token = _optional_text(request, "nextToken")
    if token is not None:
        start = next((index for index, item in enumerate(items, 1) if key(item) == token), 0)
        if start == 0:
            raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
    page = items[start : start + most]
    return page, {"nextToken": key(page[-1])} if start + most < len(items) else {}
