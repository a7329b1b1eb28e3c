"""Invocations of a Lambda function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from order_engine.aws.endpoints import Endpoint, Response
from order_engine.aws.json_api import AwsError
from order_engine.ports import SenderUnavailable


class LambdaFunction:
    """The function with this name or ARN, which may have an alias."""

    def __init__(self, endpoint: Endpoint, function: str) -> None:
        self._endpoint = endpoint
        self._path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"

    def start(self, event: dict[str, Any]) -> None:
        """Has Lambda invoke the function soon, and does not wait for it. Raises `AwsError`."""
        self._invoke(event, "Event", 202)

    def call(self, event: dict[str, Any]) -> Any:
        """The function's result, or `{"errorMessage": …}` if it has failed. Raises `AwsError` if it was not invoked.

        Without an answer the function may still run.
        """
        return json.loads(self._invoke(event, "RequestResponse", 200).body)

    def _invoke(self, event: dict[str, Any], kind: str, expected: int) -> Response:
        headers = {"content-type": "application/json", "x-amz-invocation-type": kind}
        try:
            response = self._endpoint.call("POST", self._path, json.dumps(event).encode(), headers)
        except OSError as error:
            raise AwsError(f"Invoke: {error}", transient=True) from error
        status, body = response
        if status != expected:
            was = body[:200].decode(errors="replace")
            raise AwsError(
                f"Invoke: expected status {expected}, was {status}: {was}", status in (429, *range(500, 600))
            )
        return response


class LambdaSender:
    """A `Sender` by a function that posts, in an environment of its own for each message at a time.

    It answers `{"refusal": …}`: why the receiver has not taken the message, or `null`.
    """

    def __init__(self, function: LambdaFunction) -> None:
        self._function = function

    def send(self, url: str, headers: Mapping[str, str], body: str) -> str | None:
        try:
            answer = self._function.call({"url": url, "headers": dict(headers), "body": body})
        except AwsError as error:
            raise SenderUnavailable(str(error)) from error
        # A function that was ended has waited in vain for the receiver.
        refusal = answer.get("refusal") if "errorMessage" not in answer else answer["errorMessage"]
        return None if refusal is None else str(refusal)
