"""Messages to the clients of an API Gateway WebSocket API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from order_engine.aws.endpoints import Endpoint
from order_engine.ports import ConnectionGone, ConnectionRefused


class ApiGatewayConnections:
    """`Connections` through the `@connections` API of a stage."""

    def __init__(self, stage: Endpoint) -> None:
        self._stage = stage

    def send(self, connection_id: str, message: dict[str, Any]) -> None:
        status = self._call("POST", connection_id, json.dumps(message).encode())
        if status == 410:
            raise ConnectionGone(connection_id)
        if status != 200:
            raise ConnectionRefused(f"expected status 200, was {status}")

    def is_open(self, connection_id: str) -> bool:
        try:
            return self._call("GET", connection_id) != 410
        except ConnectionRefused:
            return True

    def close(self, connection_id: str) -> None:
        status = self._call("DELETE", connection_id)
        if status not in (204, 410):
            raise ConnectionRefused(f"expected status 204 or 410, was {status}")

    def _call(self, method: str, connection_id: str, body: bytes = b"") -> int:
        """The status of the answer.

        Calls once more if the HTTP connection is lost. A client can tell a repeated event by its `seq`, but would miss
        one that is not sent. A call that times out is not repeated: other clients wait for their events.
        """
        path = f"/@connections/{quote(connection_id, safe='')}"
        try:
            try:
                return self._stage.call(method, path, body).status
            except TimeoutError:
                raise
            except OSError:
                return self._stage.call(method, path, body, fresh=True).status
        except OSError as error:
            raise ConnectionRefused(str(error)) from error
