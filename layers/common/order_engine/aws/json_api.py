"""AWS's JSON protocol: https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from order_engine.aws.endpoints import Endpoint, Response


class AwsError(Exception):
    """AWS has refused a call, or has not answered it. `transient` if the same call may succeed now."""

    def __init__(self, message: str, transient: bool) -> None:
        super().__init__(message)
        self.transient = transient


class JsonApi:
    """A service that speaks the protocol. `name` is its name there, such as `AmazonSQS`.

    A call without an answer, or refused for the moment, is made `attempts` times in all: 1 for calls that must not
    be carried out twice.
    """

    def __init__(self, endpoint: Endpoint, name: str, attempts: int) -> None:
        self._endpoint = endpoint
        self._name = name
        self._attempts = attempts

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's answer. Raises `AwsError`."""
        body = json.dumps(request).encode()
        attempt = 1
        while True:
            try:
                return self._call(operation, body, fresh=attempt > 1)
            except AwsError as error:
                if not error.transient or attempt == self._attempts:
                    raise
            attempt += 1

    def _call(self, operation: str, body: bytes, fresh: bool) -> dict[str, Any]:
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"{self._name}.{operation}"}
        try:
            response = self._endpoint.call("POST", "/", body, headers, fresh)
        except OSError as error:
            raise AwsError(f"{operation}: {error}", transient=True) from error
        try:
            answer = json.loads(response.body)
        except ValueError:
            answer = None
        if response.status == 200 and isinstance(answer, dict):
            return answer
        raise _error(operation, response, answer if isinstance(answer, dict) else {})


def _error(operation: str, response: Response, answer: dict[str, Any]) -> AwsError:
    code = str(answer.get("__type", "")).rpartition("#")[2]
    message = answer.get("message") or answer.get("Message") or response.body[:200].decode(errors="replace")
    was = f"{response.status}: {code} {message}"
    transient = response.status >= 500 or response.status == 429 or "Throttl" in code
    return AwsError(f"{operation}: expected an object and status 200, was {was}", transient)
