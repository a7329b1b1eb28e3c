"""What the state machines have done, as JSON under `/_emulator/executions`: Express executions too, which AWS's own
API does not list.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from emulator.step_functions import Execution, StepFunctions


class Executions:
    def __init__(self, step_functions: StepFunctions) -> None:
        self._step_functions = step_functions

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """All executions, newest first; with `?arn=` one of them and its events."""
        arn = request.query.get("arn")
        if arn is None:
            return web.json_response([_summary(execution) for execution in self._step_functions.executions()])
        execution = self._step_functions.execution(arn)
        if execution is None:
            return web.json_response({"message": f"expected the ARN of an execution, was {arn!r}"}, status=404)
        return web.json_response({**_summary(execution), "events": execution.events()})


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
