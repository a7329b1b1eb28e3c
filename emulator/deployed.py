"""Serves the APIs of a stack that is deployed on another Lambda provider, such as one without WebSocket APIs."""

from __future__ import annotations

import asyncio
import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import uvloop

from emulator.apigateway.gateway import INTEGRATION_TIMEOUT
from emulator.apigateway.gateways import gateways
from emulator.common import service
from emulator.common.account import REGION
from emulator.common.errors import ApiError
from emulator.common.service import Service
from emulator.common.serving import Listeners, StartError, listening, on_signal, say, stop_event, url
from emulator.lambda_.functions import Invocation
from emulator.template.stack import Stack

_CONCURRENT = 50
_GRACE = 10.0  # seconds

Kind = Literal["RequestResponse", "Event"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deployment:
    """A deployed stack. Without `endpoint`, the configuration of AWS's clients holds."""

    stack: str
    endpoint: str | None = None


class DeployedFunctions(Service):
    """Invokes the functions of a deployed stack over AWS's Lambda API, by their logical ids."""

    def __init__(self, deployment: Deployment) -> None:
        from boto3 import Session
        from botocore.config import Config

        # A retry would be another invocation.
        config = Config(
            max_pool_connections=_CONCURRENT, read_timeout=INTEGRATION_TIMEOUT, retries={"total_max_attempts": 1}
        )
        session = Session()
        where: Any = {
            "region_name": session.region_name or REGION,
            "endpoint_url": deployment.endpoint,
            "config": config,
        }
        self._stack = deployment.stack
        self._lambda = session.client("lambda", **where)
        self._cloudformation = session.client("cloudformation", **where)
        self._names: dict[str, str] = {}
        self._threads = ThreadPoolExecutor(_CONCURRENT, "invoke")

    async def invoke(self, logical_id: str, payload: bytes, /) -> Invocation:
        return await self._in_thread(logical_id, payload, "RequestResponse")

    async def invoke_event(self, logical_id: str, payload: bytes, /) -> str:
        return (await self._in_thread(logical_id, payload, "Event")).request_id

    async def close(self, grace: float) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, logical_id: str, payload: bytes, kind: Kind) -> Invocation:
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._threads, self._invoke, logical_id, payload, kind))

    def _invoke(self, logical_id: str, payload: bytes, kind: Kind) -> Invocation:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._lambda.invoke(FunctionName=self._name(logical_id), Payload=payload, InvocationType=kind)
            request_id = answer["ResponseMetadata"].get("RequestId", "")
            return Invocation(answer["Payload"].read(), "FunctionError" in answer, request_id)
        except (BotoCoreError, ClientError) as error:
            # After another deployment it may have another name.
            self._names.pop(logical_id, None)
            _log.warning("%s was not invoked: %s", logical_id, error)
            raise ApiError("ServiceException", str(error), 500) from None

    def _name(self, logical_id: str) -> str:
        if logical_id not in self._names:
            resource = self._cloudformation.describe_stack_resource(StackName=self._stack, LogicalResourceId=logical_id)
            self._names[logical_id] = resource["StackResourceDetail"]["PhysicalResourceId"]
        return self._names[logical_id]


def serve(stack: Stack, deployment: Deployment, host: str, rest_port: int, websocket_port: int) -> None:
    """Serves the stack's REST API, and its WebSocket API with `@connections`, until SIGINT or SIGTERM.

    The stack may be deployed later. Raises StartError.
    """
    with (
        listening(host, rest_port, "the REST API", "--rest-port") as rest,
        listening(host, websocket_port, "the WebSocket API", "--websocket-port") as websocket,
    ):
        uvloop.run(_serve(stack, deployment, rest, websocket))


async def _serve(stack: Stack, deployment: Deployment, rest: Listeners, websocket: Listeners) -> None:
    try:
        functions = DeployedFunctions(deployment)
    except ValueError as error:
        raise StartError(f"expected the URL of an endpoint, was {deployment.endpoint!r}: {error}") from None
    await service.run(
        [functions, *gateways(stack, functions, rest, websocket)],
        stop_event(),
        lambda: say(f"Ready.\n\n  REST       {url('http', rest)}\n  WebSocket  {url('ws', websocket)}"),
        lambda: on_signal(signal.SIG_IGN),
        grace=_GRACE,
    )
    say("Stopped.")
