"""Serves all APIs of a stack."""

from __future__ import annotations

from emulator.apigateway.records import RestApi, WebSocketApi
from emulator.apigateway.rest_api import RestGateway
from emulator.apigateway.traffic import Traffic
from emulator.apigateway.websocket_api import WebSocketGateway
from emulator.common.service import Service
from emulator.common.serving import HttpServer, Listeners
from emulator.lambda_.functions import Functions
from emulator.template.stack import Stack


def gateways(
    stack: Stack, functions: Functions, rest: Listeners, websocket: Listeners, traffic: Traffic | None = None
) -> list[Service]:
    """Returns the gateways of the stack's APIs with their servers, in the order of their start.

    They note in `traffic` what they handle.
    """
    websockets = [WebSocketGateway(api, functions, traffic=traffic) for api in stack.of(WebSocketApi).values()]
    rests = [RestGateway(api, functions, traffic=traffic) for api in stack.of(RestApi).values()]
    return [
        *(HttpServer(gateway.handle, websocket) for gateway in websockets),
        *websockets,
        *(HttpServer(gateway.handle, rest) for gateway in rests),
        *rests,
    ]
