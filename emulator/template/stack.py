"""What a template describes: the records that the services run on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from emulator.apigateway.records import RestApi, WebSocketApi
from emulator.cloudformation.records import CustomResource
from emulator.lambda_.records import EventSourceMapping, Function
from emulator.scheduler.records import Schedule
from emulator.sqs.records import Queue
from emulator.states.records import StateMachine


@dataclass(frozen=True)
class Stack:
    """`sources` are the files that all of this was read from."""

    name: str
    functions: dict[str, Function] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    mappings: tuple[EventSourceMapping, ...] = ()
    state_machines: dict[str, StateMachine] = field(default_factory=dict)
    schedules: tuple[Schedule, ...] = ()
    rest_apis: tuple[RestApi, ...] = ()
    websocket_apis: tuple[WebSocketApi, ...] = ()
    custom_resources: tuple[CustomResource, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    sources: tuple[Path, ...] = ()
