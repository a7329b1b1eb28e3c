"""AWS as the functions see it: the template's queues and state machine. The functions run in this process."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from aiohttp import web

from emulator.common.account import ACCOUNT, REGION
from emulator.endpoint import Endpoint
from emulator.lambda_.api import LambdaApi
from emulator.lambda_.catalog import Catalog
from emulator.lambda_.functions import Invocation
from emulator.lambda_.records import Function
from emulator.sqs.records import Queue
from emulator.sqs.service import Sqs
from emulator.stack import load
from emulator.states.records import StateMachine
from emulator.states.service import StepFunctions
from emulator.template.stack import Stack

ROOT = Path(__file__).parents[2]

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
}

Handler = Callable[[Any, Any], Any]


@cache
def stack() -> Stack:
    return load(ROOT / "template.yaml", {"DatabaseUrl": "postgresql://", "RedisUrl": "redis://"})


@dataclass
class Context:
    """The context that Lambda passes to a handler."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def call(handler: Handler, payload: bytes) -> tuple[Any, bool]:
    """Returns the handler's result or error as Lambda would, and whether it is an error."""
    try:
        return json.loads(json.dumps(handler(json.loads(payload), Context()))), False
    except Exception as error:
        return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}, True


class InProcess:
    """Functions that are handlers in this process. `handlers` maps logical ids and may be filled later."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.catalog = Catalog(stack().of(Function).values())
        self._handlers = handlers

    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        assert name_or_arn.endswith(":live")
        handler = self._handlers[self.catalog.find(name_or_arn).name]
        result, error = await asyncio.to_thread(call, handler, payload)
        return Invocation(json.dumps(result).encode(), error)

    async def invoke_event(self, name_or_arn: str, payload: bytes, /) -> str:
        name = self.catalog.find(name_or_arn).name
        assert name in self._handlers, f"expected no asynchronous invocation, was {name_or_arn}"
        await self.invoke(name_or_arn, payload)
        return str(uuid4())


class Aws:
    """The services' URL and queues. `handlers` maps the logical ids of the state machine's functions.

    `purge` empties the queue with this ARN, more often than PurgeQueue allows.
    """

    def __init__(self, url: str, handlers: dict[str, Handler], purge: Callable[[str], object]) -> None:
        self.url = url
        self.handlers = handlers
        self._purge = purge

        self._sqs: Any = boto3.client(
            "sqs",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    @property
    def machine_arn(self) -> str:
        return stack().of(StateMachine)["OrderMachine"].arn

    def function_arn(self, logical_id: str) -> str:
        return f"{stack().of(Function)[logical_id].arn}:live"

    def queue_url(self, logical_id: str) -> str:
        return f"{self.url}/{ACCOUNT}/{stack().of(Queue)[logical_id].name}"

    def messages(self, logical_id: str) -> list[Any]:
        """Removes all messages from a queue and returns their bodies."""
        url, found = self.queue_url(logical_id), []
        while received := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in received]
        self.purge(logical_id)
        return found

    def purge(self, logical_id: str) -> None:
        self._purge(stack().of(Queue)[logical_id].arn)

    def close(self) -> None:
        self._sqs.close()


@contextmanager
def aws() -> Iterator[Aws]:
    """Runs the services on a free loopback port in their own thread."""
    started: Future[tuple[Aws, Callable[[], object]]] = Future()

    async def serve() -> None:
        stopping = asyncio.Event()
        handlers: dict[str, Handler] = {}
        functions = InProcess(handlers)
        runner = web.ServerRunner(web.Server(lambda request: endpoint(request), access_log=None), shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        sqs = Sqs(stack().of(Queue).values(), base_url=url)
        step_functions = StepFunctions(
            stack().of(StateMachine).values(), functions, lambda request: sqs.handle("SendMessage", request)
        )
        endpoint = Endpoint(
            {"AmazonSQS": sqs, "AWSStepFunctions": step_functions}, LambdaApi(functions.catalog, functions)
        )
        loop = asyncio.get_running_loop()

        def purge(queue_arn: str) -> None:
            loop.call_soon_threadsafe(sqs.queue(queue_arn).purge)

        started.set_result((Aws(url, handlers, purge), lambda: loop.call_soon_threadsafe(stopping.set)))
        await stopping.wait()
        await sqs.close(0)
        await step_functions.close(0)
        await runner.cleanup()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    services, stop = started.result(30)
    try:
        yield services
    finally:
        services.close()
        stop()
        thread.join()
