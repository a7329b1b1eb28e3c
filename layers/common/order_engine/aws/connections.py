"""Messages to the clients of an API Gateway WebSocket API."""

from __future__ import annotations

import json
from typing import Any, Self
from urllib.parse import quote

import urllib3

from order_engine.aws.signing import Credentials, Signer
from order_engine.ports import ConnectionGone, ConnectionRefused

CALL_SECONDS = 1.0
"""How long a call may take."""


class ApiGatewayConnections:
    """`Connections` through the `@connections` API at `url`, for as many threads as `at_once` says.

    Signed and sent without the SDK, which takes four times the CPU and slows cold starts: every event is a call.
    """

    def __init__(self, url: str, credentials: Credentials, region: str, at_once: int = 1) -> None:
        self._url = url
        self._signer = Signer(credentials, "execute-api", region)
        self._http = urllib3.PoolManager(
            maxsize=at_once,
            timeout=urllib3.Timeout(total=CALL_SECONDS),
            retries=_RetryWhenLost(total=1, allowed_methods=None, status=0),
        )

    def send(self, connection_id: str, message: dict[str, Any]) -> None:
        status = self._request("POST", connection_id, json.dumps(message).encode())
        if status == 410:
            raise ConnectionGone(connection_id)
        if status != 200:
            raise ConnectionRefused(f"expected status 200, was {status}")

    def is_open(self, connection_id: str) -> bool:
        try:
            return self._request("GET", connection_id) != 410
        except ConnectionRefused:
            return True

    def close(self, connection_id: str) -> None:
        status = self._request("DELETE", connection_id)
        if status not in (204, 410):
            raise ConnectionRefused(f"expected status 204 or 410, was {status}")

    def _request(self, method: str, connection_id: str, body: bytes | None = None) -> int:
        url = f"{self._url}/@connections/{quote(connection_id, safe='')}"
        headers = self._signer.headers(method, url, body or b"")
        try:
            return self._http.request(method, url, body=body, headers=headers).status
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionRefused(str(error)) from error


class _RetryWhenLost(urllib3.Retry):
    """Sends a request again if its HTTP connection was lost: the server may have closed a kept one meanwhile.

    A client can tell a repeated event by its `seq`, but would miss one that is not sent. A call that timed out is not
    sent again: other clients wait for their events.
    """

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Self:
        if isinstance(error, urllib3.exceptions.TimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)
