"""Asynchronous invocations of a Lambda function."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from order_engine.aws.endpoints import Endpoint
from order_engine.aws.json_api import AwsError


class LambdaFunction:
    """The function with this name or ARN, which may have an alias."""

    def __init__(self, endpoint: Endpoint, function: str) -> None:
        self._endpoint = endpoint
        self._path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"

    def start(self, event: dict[str, Any]) -> None:
        """Has Lambda invoke the function soon, and does not wait for it. Raises `AwsError`."""
        headers = {"content-type": "application/json", "x-amz-invocation-type": "Event"}
        try:
            status, body = self._endpoint.call("POST", self._path, json.dumps(event).encode(), headers)
        except OSError as error:
            raise AwsError(f"Invoke: {error}", transient=True) from error
        if status != 202:
            was = body[:200].decode(errors="replace")
            raise AwsError(f"Invoke: expected status 202, was {status}: {was}", status in (429, *range(500, 600)))
