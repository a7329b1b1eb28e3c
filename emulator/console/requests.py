"""The last requests to the APIs, and the open WebSocket connections."""

from __future__ import annotations

from typing import Any

from emulator.apigateway.traffic import Call
from emulator.console.masks import masked_query
from emulator.console.parts import Parts, Query, limit_of
from emulator.lambda_.names import FunctionName

_PAGE, _LONGEST_PAGE = 200, 1000


async def requests(parts: Parts, query: Query) -> dict[str, Any]:
    """Returns the newest requests that contain the text `find`, the newest first. Raises ApiError."""
    text, most = query.get("find", "").lower(), limit_of(query, _PAGE, _LONGEST_PAGE)
    found: list[dict[str, Any]] = []
    for call in reversed(parts.traffic.calls):
        if len(found) == most:
            break
        shown = _shown(call)
        if text in " ".join(map(str, shown.values())).lower():
            found.append(shown)
    return {"requests": found}


async def connections(parts: Parts, query: Query) -> list[dict[str, Any]]:
    """Returns the open connections, the newest first. Times are in seconds since the epoch."""
    return [
        {
            "id": connection.id,
            "connectedAt": connection.connected_at / 1000,
            "remote": connection.identity["sourceIp"],
            "lastActiveAt": connection.last_active_at / 1000,
            "received": connection.received,
            "sent": connection.sent,
        }
        for connection in reversed(parts.traffic.connections.values())
    ]


def _shown(call: Call) -> dict[str, Any]:
    return {
        "at": call.at,
        "api": call.api,
        "method": call.method,
        "path": f"{call.path}?{masked_query(call.query)}" if call.query else call.path,
        "status": call.status,
        "milliseconds": round(call.milliseconds, 1),
        "function": FunctionName.parse(call.function).name if call.function else "",
        "requestId": call.request_id,
        "connectionId": call.connection_id,
    }
