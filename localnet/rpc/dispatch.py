"""Finds the method that a request names, and answers it by JSON-RPC 2.0."""

from __future__ import annotations

import logging
from typing import Any

from localnet.node import Node
from localnet.rpc import accounts, cluster, localnet, transactions
from localnet.rpc.call import Call, Method
from localnet.rpc.errors import RpcError, invalid_request, method_not_found
from localnet.rpc.params import Params

METHODS: dict[str, Method] = {**accounts.METHODS, **cluster.METHODS, **localnet.METHODS, **transactions.METHODS}

_logger = logging.getLogger(__name__)


def is_own(body: Any) -> bool:
    """Whether all that is asked for is a method of the localnet's own, which no fault befalls."""
    requests = body if isinstance(body, list) else [body]
    return all(isinstance(request, dict) and str(request.get("method")).startswith("localnet_") for request in requests)


def answer(node: Node, body: Any) -> Any:
    """The answer to a request or a batch; `None` where none is wanted."""
    if not isinstance(body, list):
        return _answer(node, body)
    if not body:
        return _failure(None, invalid_request())
    answers = [answer for request in body if (answer := _answer(node, request)) is not None]
    return answers or None


def _answer(node: Node, request: Any) -> dict[str, Any] | None:
    identifier = request.get("id") if isinstance(request, dict) else None
    try:
        result = _call(node, request)
    except RpcError as error:
        return _failure(identifier, error)
    except Exception:
        _logger.exception("%s failed", request)
        return _failure(identifier, RpcError(-32603, "Internal error"))
    if "id" not in request:
        return None  # a notification
    return {"jsonrpc": "2.0", "result": result, "id": identifier}


def _call(node: Node, request: Any) -> Any:
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
        raise invalid_request()
    name = request["method"]
    method = METHODS.get(name)
    if method is None:
        raise method_not_found(name[:100])
    node.calls[name] += 1
    lag = None if name.startswith("localnet_") else node.faults.strike("lag")
    return method(Call(node, lag.slots if lag else 0), Params(request.get("params", [])))


def _failure(identifier: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": error.json(), "id": identifier}
