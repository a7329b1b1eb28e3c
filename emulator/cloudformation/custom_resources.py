"""Creates custom resources: invokes their functions as CloudFormation does when it deploys, and takes the answers."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterable

from aiohttp import web

from emulator.cloudformation.records import CustomResource, in_order
from emulator.common.account import arn
from emulator.common.service import Service
from emulator.common.strict_json import parse_json
from emulator.lambda_.functions import Functions

PATH = "/_emulator/custom-resources/"


class CustomResourceError(Exception):
    """A custom resource could not be created. The message names it and gives the reason of its function."""


class CustomResources(Service):
    """Creates the resources of a stack. `endpoint_url` is where `handle` serves `PATH`; `timeout` is in seconds."""

    def __init__(
        self,
        resources: Iterable[CustomResource],
        functions: Functions,
        stack_name: str,
        endpoint_url: str,
        timeout: float,
    ) -> None:
        self._resources = in_order(resources)
        self._functions = functions
        self._stack_id = arn("cloudformation", f"stack/{stack_name}/{uuid.uuid4()}")
        self._endpoint_url = endpoint_url
        self._timeout = timeout
        self._answers: dict[str, asyncio.Future[dict[str, str]]] = {}

    async def start(self) -> None:
        """Creates the resources one after another. Raises CustomResourceError."""
        for resource in self._resources:
            request_id = str(uuid.uuid4())
            answer = self._answers[request_id] = asyncio.get_running_loop().create_future()
            event = {
                "RequestType": "Create",
                "ResponseURL": f"{self._endpoint_url}{PATH}{request_id}",
                "StackId": self._stack_id,
                "RequestId": request_id,
                "LogicalResourceId": resource.name,
                "ResourceType": resource.type,
                "ResourceProperties": resource.properties,
            }
            await self._functions.invoke_event(resource.function, json.dumps(event).encode())
            try:
                result = await asyncio.wait_for(answer, self._timeout)
            except TimeoutError:
                raise CustomResourceError(
                    f"{resource.name}: {resource.function} did not answer within {self._timeout:g} s; see its log"
                ) from None
            finally:
                del self._answers[request_id]
            if result.get("Status") != "SUCCESS":
                raise CustomResourceError(f"{resource.name}: {result.get('Reason', 'failed without a reason')}")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Takes the answer of a function, in place of CloudFormation's presigned URL."""
        answer = self._answers.get(request.path.removeprefix(PATH))
        try:
            result = parse_json(await request.read())
        except ValueError:
            result = None
        if request.method != "PUT" or answer is None or answer.done() or not isinstance(result, dict):
            return web.Response(status=403)
        answer.set_result(result)
        return web.Response()
