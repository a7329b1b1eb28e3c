"""Puts the services of a stack together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emulator.apigateway.gateways import gateways
from emulator.apigateway.traffic import Traffic
from emulator.cloudformation import custom_resources
from emulator.cloudformation.custom_resources import CustomResources
from emulator.cloudformation.records import CustomResource
from emulator.common import service
from emulator.common.account import REGION
from emulator.common.service import Service
from emulator.common.serving import HttpServer, Listeners, say
from emulator.console import service as console
from emulator.console.parts import Parts
from emulator.endpoint import Endpoint
from emulator.lambda_ import records as lambda_records
from emulator.lambda_.api import LambdaApi
from emulator.lambda_.event_source import EventSourceMappings
from emulator.lambda_.records import Function
from emulator.lambda_.reload import Reload
from emulator.lambda_.service import Lambda, other_runtimes
from emulator.scheduler.records import Schedule
from emulator.scheduler.schedules import Schedules
from emulator.sqs.records import Queue
from emulator.sqs.service import Sqs
from emulator.states.records import StateMachine
from emulator.states.service import StepFunctions
from emulator.template.registry import Addresses
from emulator.template.stack import Stack

_CUSTOM_RESOURCE_SECONDS = 120


@dataclass(frozen=True)
class Sockets:
    """The bound sockets of the emulator."""

    rest: Listeners
    websocket: Listeners
    aws: Listeners


class Emulator:
    """Runs a stack. Logs and other data go to the folder `data`; running work has `grace` seconds to finish."""

    def __init__(
        self,
        stack: Stack,
        addresses: Addresses,
        sockets: Sockets,
        data: Path,
        grace: float,
        *,
        read_only_console: bool = False,
    ) -> None:
        self._grace = grace
        functions = stack.of(Function)
        logs = data / "logs"
        lambda_ = Lambda(
            functions.values(),
            logs=logs,
            environment=aws_environment(addresses.endpoint),
            ports=[bound.getsockname()[1] for bound in (*sockets.rest, *sockets.websocket)],
        )
        sqs = Sqs(stack.of(Queue).values(), base_url=addresses.endpoint)
        step_functions = StepFunctions(
            stack.of(StateMachine).values(), lambda_, lambda request: sqs.handle("SendMessage", request)
        )
        custom = CustomResources(
            stack.of(CustomResource).values(), lambda_, stack.name, addresses.endpoint, _CUSTOM_RESOURCE_SECONDS
        )
        schedules, traffic = Schedules(stack.of(Schedule).values(), lambda_), Traffic()
        parts = Parts(stack, step_functions, sqs, lambda_, lambda: lambda_.counters, schedules, traffic, logs)
        page = console.Console(parts, read_only=read_only_console)
        endpoint = Endpoint(
            {"AmazonSQS": sqs, "AWSStepFunctions": step_functions},
            LambdaApi(lambda_.catalog, lambda_),
            {custom_resources.PATH: custom.handle, console.PATH: page.handle},
        )
        self._lambda = lambda_
        # They start in this order and stop in the reverse order: first the services that begin work, then those that
        # running work still needs.
        self._services: list[Service] = [
            HttpServer(endpoint, sockets.aws),
            lambda_,
            Reload(functions.values(), stack.sources, data, lambda_.reload, say),
            custom,
            *gateways(stack, lambda_, sockets.rest, sockets.websocket, traffic),
            step_functions,
            sqs,
            schedules,
            EventSourceMappings(stack.of(lambda_records.EventSourceMapping).values(), sqs, lambda_),
        ]

    async def run(self, stopping: asyncio.Event, ready: Callable[[], None]) -> None:
        """Starts the stack, calls `ready`, and stops it once `stopping` is set; set again, it stops at once.

        Raises CustomResourceError.
        """
        if note := other_runtimes(self._lambda.catalog):
            say(note)
        stop = f"Stopping: running work has up to {self._grace:g} s to finish. Once more to stop at once."
        await service.run(
            self._services,
            stopping,
            ready,
            lambda: say(stop),
            grace=self._grace,
            hurry=lambda: self._lambda.close(0),
        )


def aws_environment(endpoint_url: str) -> dict[str, str]:
    """Environment variables that make any AWS client talk to the emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "emulator",
        "AWS_SECRET_ACCESS_KEY": "emulator",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # StartSyncExecution would go to the host sync-127.0.0.1 otherwise.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
