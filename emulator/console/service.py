"""Serves the console under `/_emulator/`: a page, and what the services have done as JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from aiohttp import web

from emulator.lambda_.environments import Counters
from emulator.sqs.message_queue import MessageQueue, State
from emulator.sqs.service import Sqs
from emulator.states import history
from emulator.states.service import Execution, StepFunctions

PATH = "/_emulator/"

_PAGE = {path.name: path for path in (Path(__file__).parent / "static").iterdir()}
_LOG_TAIL = 65_536  # bytes
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Console:
    """Answers the console's requests. `counters` returns each function's counters; `logs` is the folder of the logs."""

    def __init__(
        self, step_functions: StepFunctions, sqs: Sqs, counters: Callable[[], dict[str, Counters]], logs: Path
    ) -> None:
        self._step_functions = step_functions
        self._sqs = sqs
        self._counters = counters
        self._logs = logs

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == PATH.rstrip("/"):
            return web.Response(status=308, headers={"Location": PATH})
        name = request.path.removeprefix(PATH) or "index.html"
        response = web.FileResponse(_PAGE[name]) if name in _PAGE else self._answer(name, dict(request.query))
        response.headers.update(_HEADERS)
        return response

    def _answer(self, name: str, query: dict[str, str]) -> web.Response:
        """Returns the JSON that `name` asks for.

        `executions` with `?arn=` is one execution with its events after the number `after`.
        """
        match name:
            case "executions" if (arn := query.get("arn")) is not None:
                execution = self._step_functions.execution(arn)
                if execution is None:
                    return _not_found(f"no execution has the ARN {arn!r}")
                return web.json_response(_details(execution, _number(query, "after") or 0))
            case "executions":
                return web.json_response(self._executions(query))
            case "functions":
                return web.json_response(self._functions())
            case "machines":
                return web.json_response(
                    [
                        {"name": machine.name, "type": machine.type, "definition": machine.definition}
                        for machine in self._step_functions.machines
                    ]
                )
            case "overview":
                return web.json_response(self._overview())
            case "logs":
                function = query.get("function", "")
                if function not in self._counters():
                    return _not_found(f"no function has the name {function!r}")
                return web.json_response({"log": _tail(self._logs / f"{function}.log")})
        return _not_found(f"expected {PATH} or {PATH}executions, functions, machines, overview or logs")

    def _executions(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Returns at most `limit` executions of a `machine` and a `status` with the text `find` in name or error."""
        status, text = query.get("status"), query.get("find", "").lower()
        found = (
            _summary(execution)
            for execution in self._step_functions.executions(query.get("machine"))
            if status in (None, execution.status) and text in f"{execution.name}\n{execution.error or ''}".lower()
        )
        return list(islice(found, _number(query, "limit")))

    def _functions(self) -> dict[str, Any]:
        return {name: asdict(counters) for name, counters in self._counters().items()}

    def _overview(self) -> dict[str, Any]:
        """Returns the number of executions by machine and status, the queues, and the functions' counters."""
        executions: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for execution in self._step_functions.executions():
            executions[execution.machine.name][execution.status] += 1
        queues = [_queue(queue) for queue in self._sqs.queues]
        return {"executions": executions, "queues": queues, "functions": self._functions()}


def _queue(queue: MessageQueue) -> dict[str, Any]:
    redrive = queue.settings.redrive
    return {
        "name": queue.settings.name,
        "waiting": queue.count(State.VISIBLE),
        "inFlight": queue.count(State.IN_FLIGHT),
        "delayed": queue.count(State.DELAYED),
        "deadLetters": redrive.dead_letter_arn.rpartition(":")[2] if redrive else None,
    }


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


def _tail(log: Path) -> str:
    """Returns the last lines of the log."""
    with log.open("rb") as file:
        start = max(0, file.seek(0, 2) - _LOG_TAIL)
        file.seek(start)
        if start:
            file.readline()
        return file.read().decode(errors="replace")


def _number(query: dict[str, str], name: str) -> int | None:
    return int(query[name]) if query.get(name, "").isdecimal() else None


def _not_found(message: str) -> web.Response:
    return web.json_response({"message": message}, status=404)
