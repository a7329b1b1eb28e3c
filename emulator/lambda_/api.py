"""Lambda's REST API, as far as AWS clients need it to list, describe and invoke functions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from emulator.common.errors import ApiError
from emulator.common.requests import check_parameters, read_body
from emulator.common.strict_json import parse_json
from emulator.common.text import words
from emulator.lambda_.catalog import Catalog
from emulator.lambda_.functions import Functions
from emulator.lambda_.records import Function

_INVALID = "InvalidParameterValueException"
_PARAMETERS = {
    "GetFunction": words("Qualifier"),
    "Invoke": words("Qualifier"),
    "ListFunctions": words("FunctionVersion Marker MaxItems"),
}
# Log lines of concurrent invocations share a file, so an invocation's own are not known. The value None asks for none.
_UNSUPPORTED_HEADERS = {
    "X-Amz-Client-Context": "ClientContext",
    "X-Amz-Durable-Execution-Name": "DurableExecutionName",
    "X-Amz-Log-Type": "LogType",
    "X-Amz-Tenant-Id": "TenantId",
}
_PAGE = 50
_MAX_ITEMS = 10_000

PATH = re.compile(r"/2015-03-31/functions(?:/([^/]+))?(/invocations|/configuration)?/?")


class LambdaApi:
    """Answers requests whose path matches `PATH`."""

    def __init__(self, catalog: Catalog, functions: Functions) -> None:
        self._catalog = catalog
        self._functions = functions

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Returns the answer. Raises ApiError where Lambda refuses the request."""
        match = PATH.fullmatch(request.path)
        assert match is not None
        name, action = match.groups()
        operation = "ListFunctions" if name is None else "Invoke" if action == "/invocations" else "GetFunction"
        check_parameters(request.query, _PARAMETERS[operation], operation, _INVALID)
        if qualifier := request.query.get("Qualifier"):  # ListFunctions has none
            name = f"{name}:{qualifier}"
        if action == "/invocations" and name and request.method == "POST":
            return await self._invoke(request, name)
        if action == "/invocations" or request.method != "GET":
            message = f"lambda: {request.method} {request.path} is not supported here."
            raise ApiError("UnknownOperationException", message, 501)
        if name is None:
            return _json(self._list(request.query))
        configuration = _configuration(self._catalog.find(name))
        return _json(configuration if action else {"Configuration": configuration})

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        functions = sorted(self._catalog, key=lambda function: function.name)
        most = query.get("MaxItems", str(_PAGE))
        if not (most.isascii() and most.isdigit() and 1 <= int(most) <= _MAX_ITEMS):
            raise ApiError(_INVALID, f"MaxItems: expected a whole number from 1 to {_MAX_ITEMS}, was {most!r}")
        if (version := query.get("FunctionVersion")) is not None:
            raise ApiError(_INVALID, f"FunctionVersion: expected none, since old code is not kept, was {version!r}")
        names = [function.name for function in functions]
        marker = query.get("Marker")
        if marker is not None and marker not in names:
            raise ApiError(_INVALID, f"Marker: expected the NextMarker of an earlier page, was {marker!r}")
        start = 0 if marker is None else names.index(marker)
        end = start + min(int(most), _PAGE)
        listed = {"Functions": [_configuration(function) for function in functions[start:end]]}
        return {**listed, "NextMarker": names[end]} if end < len(names) else listed

    async def _invoke(self, request: web.BaseRequest, name: str) -> web.Response:
        for header, parameter in _UNSUPPORTED_HEADERS.items():
            if request.headers.get(header, "None") != "None":
                raise ApiError(_INVALID, f"Invoke: the parameter {parameter} is not supported here.")
        payload = await read_body(request)
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        _check_json(payload)
        version = {"X-Amz-Executed-Version": "$LATEST"}
        if kind == "RequestResponse":
            invocation = await self._functions.invoke(name, payload)
            if invocation.error:
                version["X-Amz-Function-Error"] = "Unhandled"
            return web.Response(body=invocation.payload, content_type="application/json", headers=version)
        if kind == "Event":
            await self._functions.invoke_event(name, payload)
            return web.Response(status=202)
        if kind == "DryRun":
            self._catalog.find(name)
            return web.Response(status=204, headers=version)
        raise ApiError(
            _INVALID,
            f"X-Amz-Invocation-Type: expected RequestResponse, Event or DryRun, was {kind!r}",
        )


def _configuration(function: Function) -> dict[str, Any]:
    return {
        "FunctionName": function.name,
        "FunctionArn": function.arn,
        "Runtime": function.runtime,
        "Handler": function.handler,
        "Timeout": function.timeout,
        "MemorySize": function.memory,
        "Version": "$LATEST",
        "State": "Active",
        "PackageType": "Zip",
        "Environment": {"Variables": function.environment},
    }


def _check_json(payload: bytes) -> None:
    try:
        parse_json(payload or b"{}")
    except ValueError as error:
        raise ApiError("InvalidRequestContentException", f"Could not parse request body into json: {error}") from None


def _json(value: dict[str, Any]) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), content_type="application/json")
