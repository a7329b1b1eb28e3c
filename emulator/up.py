"""Puts the services together and runs a stack until it is told to stop."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from emulator import stores
from emulator.apigateway.rest_api import RestGateway
from emulator.apigateway.websocket_api import WebSocketGateway
from emulator.cloudformation.custom_resources import PATH, CustomResources
from emulator.common.account import REGION
from emulator.common.serving import StartError, listening, on_signal, say, server
from emulator.console import service as console
from emulator.endpoint import Endpoint
from emulator.lambda_.event_source import EventSourceMapping
from emulator.lambda_.reload import Reload
from emulator.lambda_.service import Lambda
from emulator.scheduler.schedules import Schedules
from emulator.sqs.service import Sqs
from emulator.states.service import StepFunctions
from emulator.template.stack import Stack

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

HOST = "127.0.0.1"
_STOP = "Ctrl-C stops everything."


@dataclass(frozen=True)
class Options:
    """`postgres` and `redis` name the parameters that take the URLs of embedded stores; `grace` in seconds."""

    template: Path
    data: Path
    parameters: dict[str, str]
    postgres: str | None
    redis: str | None
    rest_port: int
    websocket_port: int
    aws_port: int
    grace: float


@dataclass(frozen=True)
class Addresses:
    rest: str
    websocket: str
    endpoint: str


def up(options: Options) -> None:
    """Runs the stack until SIGINT or SIGTERM. Raises StartError, StoreError, TemplateError, CustomResourceError."""
    on_signal(_call_off)
    with ExitStack() as resources:
        resources.callback(on_signal, signal.SIG_IGN)
        rest = resources.enter_context(listening(HOST, options.rest_port, "the REST API", "--rest-port"))
        websocket = resources.enter_context(
            listening(HOST, options.websocket_port, "the WebSocket API", "--websocket-port")
        )
        aws = resources.enter_context(listening(HOST, options.aws_port, "AWS clients", "--aws-port"))
        resources.enter_context(_sole_user(options.data))
        parameters = dict(options.parameters)
        if options.postgres:
            parameters[options.postgres] = resources.enter_context(stores.postgres(options.data / "postgres"))
        if options.redis:
            parameters[options.redis] = resources.enter_context(stores.redis(options.data / "redis"))
        addresses = Addresses(
            rest=f"http://{HOST}:{rest.getsockname()[1]}",
            websocket=f"ws://{HOST}:{websocket.getsockname()[1]}",
            endpoint=f"http://{HOST}:{aws.getsockname()[1]}",
        )
        from emulator.template.loader import load

        stack = load(
            options.template,
            parameters,
            endpoint_url=addresses.endpoint,
            rest_url=addresses.rest,
            websocket_url=addresses.websocket,
        )
        resources.enter_context(_announced(options.data / "running.json", options, parameters, addresses))
        asyncio.run(_serve(stack, options, addresses, rest, websocket, aws))


def _call_off(*_: object) -> None:
    """Wherever a signal finds it while the services don't listen yet: what has been started is ended, undisturbed."""
    on_signal(signal.SIG_IGN)
    raise KeyboardInterrupt


def aws_environment(endpoint_url: str) -> dict[str, str]:
    """What makes any AWS client talk to the emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "emulator",
        "AWS_SECRET_ACCESS_KEY": "emulator",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # StartSyncExecution would go to the host sync-127.0.0.1 otherwise.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


async def _serve(
    stack: Stack,
    options: Options,
    addresses: Addresses,
    rest_socket: socket.socket,
    websocket_socket: socket.socket,
    aws_socket: socket.socket,
) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop(*_: object) -> None:
        with suppress(RuntimeError):  # the loop has ended: the stores stop, undisturbed
            loop.call_soon_threadsafe(stopping.set)

    on_signal(stop)
    lambda_ = Lambda(stack.functions, logs=options.data / "logs", environment=aws_environment(addresses.endpoint))
    sqs = Sqs(stack.queues, base_url=addresses.endpoint)
    step_functions = StepFunctions(stack.state_machines, lambda_, lambda request: sqs.handle("SendMessage", request))
    schedules = Schedules(stack.schedules, lambda_)
    reload = Reload(stack.functions.values(), stack.sources, options.data, lambda_.reload, say)
    mappings = [EventSourceMapping(mapping, sqs.queue(mapping.queue_arn), lambda_) for mapping in stack.mappings]
    custom_resources = CustomResources(lambda_, stack.name, addresses.endpoint, timeout=120)
    endpoint = Endpoint({"AmazonSQS": sqs, "AWSStepFunctions": step_functions}, lambda_)
    websockets = [WebSocketGateway(api, lambda_) for api in stack.websocket_apis]
    hooks = {console.PATH: console.Console(stack, step_functions, sqs, lambda_, options.data / "logs").handle}
    rests = [RestGateway(api, lambda_, hooks) for api in stack.rest_apis]

    async def aws(request: web.BaseRequest) -> web.StreamResponse:
        return await (custom_resources.handle if request.path.startswith(PATH) else endpoint)(request)

    async with AsyncExitStack() as servers:
        await lambda_.start()
        await servers.enter_async_context(server(aws, aws_socket))
        try:
            await reload.start()
            creating = asyncio.ensure_future(custom_resources.create(stack.custom_resources))
            waiting = asyncio.ensure_future(stopping.wait())
            await asyncio.wait([creating, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not creating.done():
                creating.cancel()
                return
            await creating
            for rest in rests:
                await servers.enter_async_context(server(rest.handle, rest_socket))
            for websocket in websockets:
                await servers.enter_async_context(server(websocket.handle, websocket_socket))
            for mapping in mappings:
                mapping.start()
            schedules.start()
            _print_ready(stack, options, addresses)
            await stopping.wait()
            say(f"Stopping: running work has up to {options.grace:g} s to finish. Once more to stop at once.")
            stopping.clear()
        finally:
            grace = _Grace(options.grace, stopping, lambda_)
            # First of all: from here on no more work is begun.
            await grace(*(mapping.close for mapping in mappings))
            await reload.close()
            await schedules.close()
            sqs.close()
            await grace(step_functions.close)
            await grace(*(websocket.close for websocket in websockets))
            await grace(lambda_.close)
    say("Stopped.")


class _Grace:
    """What is left of the time in which running work may finish; a second signal ends the functions that run."""

    def __init__(self, seconds: float, hurry: asyncio.Event, lambda_: Lambda) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + seconds
        self._hurry = hurry
        self._lambda = lambda_

    async def __call__(self, *closes: Callable[[float], Awaitable[None]]) -> None:
        left = 0.0 if self._hurry.is_set() else max(0.0, self._deadline - self._loop.time())
        closing = asyncio.gather(*(close(left) for close in closes))
        hurry = asyncio.ensure_future(self._hurry.wait())
        waiting: list[asyncio.Future[Any]] = [closing, hurry]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not hurry.cancel():
            await self._lambda.close(0)
        await closing


@contextmanager
def _sole_user(data: Path) -> Iterator[None]:
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"{data} is in use by another emulator: stop that one, or choose a folder with --data"
            raise StartError(message) from None
        yield


@contextmanager
def _announced(path: Path, options: Options, parameters: dict[str, str], addresses: Addresses) -> Iterator[None]:
    """Tells the other commands of the emulator what is running."""
    running: dict[str, Any] = {
        "pid": os.getpid(),
        "template": str(options.template.resolve()),
        "parameters": parameters,
        "rest": addresses.rest,
        "websocket": addresses.websocket,
        "endpoint": addresses.endpoint,
    }
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        json.dump(running, file, indent=2)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _print_ready(stack: Stack, options: Options, addresses: Addresses) -> None:
    lines = {
        **stack.outputs,
        "Console": addresses.rest + console.PATH,
        "AWS endpoint": addresses.endpoint,
        "Logs": f"{options.data / 'logs'}/*.log",
    }
    width = max(map(len, lines))
    say("\n".join(["Ready.", "", *(f"  {name:<{width}}  {value}" for name, value in lines.items()), "", _STOP]))
