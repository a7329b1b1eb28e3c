"""The functions' handlers, imported as in a new Lambda environment."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from order_engine.domain.runs import Run
from tests.support.aws import Context, Handler
from tests.support.events import sqs

ORDER = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "clientOrderId": "a-1"}

FUNCTIONS = (
    *("authorize", "deliver", "discover", "dispatch", "execute", "keys", "market", "migrate", "post"),
    *("recover", "route", "submit", "ticket", "watch", "webhooks", "ws_connect"),
)

_BOOTSTRAP = ("aws", "market", "outbound", "schema", "services", "simulation", "solana", "stores")
_MADE_ONCE = (
    *(f"order_engine.bootstrap.{name}" for name in _BOOTSTRAP),
    "order_engine.aws.observability",
    *(f"functions.{name}.app" for name in FUNCTIONS),
)


class Functions:
    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def handler(self, name: str) -> Handler:
        if name not in self._handlers:
            self._handlers[name] = importlib.import_module(f"functions.{name}.app").handler
        return self._handlers[name]

    def __call__(self, name: str, event: Any) -> Any:
        """Invokes a function and returns its result as JSON. Raises what the handler raises."""
        return json.loads(json.dumps(self.handler(name)(json.loads(json.dumps(event)), Context(name))))


@contextmanager
def new_environment(environment: Mapping[str, str]) -> Iterator[Functions]:
    """Imports the functions anew with these environment variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        earlier = _set_aside()
        try:
            yield Functions()
        finally:
            stores = sys.modules.get("order_engine.bootstrap.stores")
            if stores is not None and stores.database.cache_info().currsize:
                stores.database().close()
            _set_aside()
            for name, module in earlier.items():
                sys.modules[name] = module
                parent, _, child = name.rpartition(".")
                setattr(sys.modules[parent], child, module)


def _set_aside() -> dict[str, ModuleType]:
    """Removes and returns the modules with the state of a Lambda environment, so that the next import makes it anew."""
    found = {name: sys.modules.pop(name) for name in _MADE_ONCE if name in sys.modules}
    for name in found:
        parent, _, child = name.rpartition(".")
        vars(sys.modules[parent]).pop(child, None)
    return found


def answered(response: dict[str, Any]) -> tuple[int, Any]:
    content_types = response["multiValueHeaders"]["Content-Type"]
    assert content_types == ["application/json"]
    return response["statusCode"], json.loads(response["body"])


def refusal(response: dict[str, Any]) -> tuple[int, str]:
    status, body = answered(response)
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    return status, body["error"]["code"]


def dispatched(functions: Functions, order_id: UUID, published_seq: int = 0) -> Any:
    return functions("dispatch", sqs({"orderId": str(order_id), "publishedSeq": published_seq}))


def states_input(run: dict[str, Any] | Run, attempt: int = 1, **more: Any) -> dict[str, Any]:
    return {"order": run.dump() if isinstance(run, Run) else run, "attempt": attempt, **more}
