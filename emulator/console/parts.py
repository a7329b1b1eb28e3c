"""What the console's pages are made from, and how they read a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.apigateway.traffic import Traffic
from emulator.common.errors import ApiError
from emulator.lambda_.environments import Counters
from emulator.lambda_.functions import Functions
from emulator.scheduler.schedules import Schedules
from emulator.sqs.service import Sqs
from emulator.states.service import StepFunctions
from emulator.template.stack import Stack

Query = Mapping[str, str]
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Parts:
    """The running stack. `counters` returns each function's counters; `logs` is the folder of the functions' logs."""

    stack: Stack
    step_functions: StepFunctions
    sqs: Sqs
    functions: Functions
    counters: Callable[[], dict[str, Counters]]
    schedules: Schedules
    traffic: Traffic
    logs: Path


def limit_of(query: Query, default: int, most: int) -> int:
    """Returns how many items are asked for. Raises ApiError."""
    text = query.get("limit") or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise invalid(f"limit: expected a whole number from 1 to {most}, was {text!r}")
    return int(text)


def text_of(body: Body, name: str, default: str | None = None) -> str:
    """Returns a text of the request's body. Raises ApiError."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise invalid(f"{name}: expected a text, was {value!r:.100}")
    return value


def invalid(message: str) -> ApiError:
    return ApiError("ValidationException", message, 400)


def unknown(message: str) -> ApiError:
    return ApiError("ResourceNotFoundException", message, 404)
