"""Compares the engine's answers with the committed descriptions of its APIs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from contract import DOCS

Json = dict[str, Any]


@cache
def document(name: str) -> Json:
    """Returns the committed `openapi` or `asyncapi` document."""
    description: Json = json.loads((DOCS / f"{name}.json").read_text())
    return description


def check(name: str, schema: Json, value: object) -> None:
    """Raises AssertionError if the value violates the document's schema or has fields that the schema does not name.

    Clients must accept additional fields, but here every field must be described.
    """
    whole = {**schema, "components": {"schemas": _closed(document(name)["components"]["schemas"])}}
    errors = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
    problems = [f"{error.json_path}: {error.message}" for error in errors]
    assert not problems, f"expected what {name} describes, was {value}: {problems}"


def operations() -> list[tuple[str, str, Json]]:
    """Returns method, path and description of each operation of the REST API."""
    return [
        (method.upper(), path, operation)
        for path, methods in document("openapi")["paths"].items()
        for method, operation in methods.items()
    ]


def check_answer(method: str, path: str, status: int, headers: Mapping[str, str], body: object) -> None:
    """Checks an answer of the REST API. Other paths are not checked."""
    path = path.partition("?")[0]
    fitting = {
        template: operation
        for verb, template, operation in operations()
        if verb == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    }
    # A path without parameters takes precedence.
    if operation := fitting.get(path) or next(iter(fitting.values()), None):
        _check(operation, status, headers, body)


def check_message(message: Json) -> None:
    """Checks a message from the WebSocket API."""
    match message:
        case {"error": _}:
            name = "Error"
        case {"action": action}:
            name = str(action).capitalize()
        case _:
            name = f"{str(message['status']).capitalize()}Event"
    assert name in document("asyncapi")["components"]["messages"], f"expected a message described, was {message}"
    check("asyncapi", {"$ref": f"#/components/schemas/{name}"}, message)
    if name == "Error":
        examples = document("asyncapi")["components"]["messages"]["Error"]["examples"]
        codes = {example["payload"]["error"]["code"] for example in examples}
        assert message["error"]["code"] in codes, f"expected an error described, was {message}"


def _check(operation: Json, status: int, headers: Mapping[str, str], body: object) -> None:
    described = operation["responses"].get(str(status))
    assert described, f"expected {operation['operationId']} to answer as described, was {status}: {body}"
    content = described["content"]["application/json"]
    assert headers["Content-Type"] == "application/json"
    assert {name for name, header in described.get("headers", {}).items() if header["required"]} <= set(headers)
    check("openapi", content["schema"], body)
    if content["schema"].get("$ref") == "#/components/schemas/Error":
        assert isinstance(body, dict)
        assert body["error"]["code"] in content["examples"], f"expected {set(content['examples'])}, was {body}"


def _closed(schemas: Json) -> Json:
    return {
        name: {"additionalProperties": False, **schema} if "properties" in schema else schema
        for name, schema in schemas.items()
    }
