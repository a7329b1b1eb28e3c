"""What the services have done, as JSON under `/_emulator/`; Express executions too, which AWS's API does not list."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from emulator.functions import Lambda
from emulator.step_functions import Execution, StepFunctions

PATH = "/_emulator/"


class Console:
    def __init__(self, step_functions: StepFunctions, lambda_: Lambda) -> None:
        self._step_functions = step_functions
        self._lambda = lambda_

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """`executions`, newest first, or with `?arn=` one of them and its events; `functions` and their counters."""
        match request.path.removeprefix(PATH):
            case "executions" if (arn := request.query.get("arn")) is not None:
                execution = self._step_functions.execution(arn)
                if execution is None:
                    return web.json_response({"message": f"expected the ARN of an execution, was {arn!r}"}, status=404)
                return web.json_response({**_summary(execution), "events": execution.events()})
            case "executions":
                return web.json_response([_summary(execution) for execution in self._step_functions.executions()])
            case "functions":
                return web.json_response({name: asdict(counters) for name, counters in self._lambda.counters.items()})
        return web.json_response({"message": f"expected {PATH}executions or {PATH}functions"}, status=404)


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
