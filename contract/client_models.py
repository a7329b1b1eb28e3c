"""Writes the models of the Python client from the OpenAPI document."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from pydantic.alias_generators import to_camel, to_snake

from contract.errors import EXAMPLES, GatewayAnswer
from order_engine.api.errors import status_of

MODELS = Path(__file__).resolve().parent.parent / "client/order_engine_client/models.py"

Schema = dict[str, Any]

# What the client shows in its own way: errors as exceptions, and one form of a market order.
_LEFT_OUT = ("Error", "ErrorBody", "Problem", "Wait", "ShortOrderForm")
_RENAMED = {"OrderForm": "MarketOrder", "ReplaceForm": "NewTerms"}
_EXTENDED = {"AcceptedOrder": "Order", "OrderWithEvents": "Order"}
_HEAD = '''"""The models of the API's requests, answers and events. Made from docs/openapi.json by make descriptions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from order_engine_client.fields import Answer, AskedAmount, Form, Model
'''


def client_models(document: dict[str, Any]) -> str:
    """The source of the client's module `models`."""
    schemas: dict[str, Schema] = dict(sorted(document["components"]["schemas"].items()))
    answers = {
        _target(content["schema"])
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status < "300" and "$ref" in (content := response["content"]["application/json"])["schema"]
    }
    events = [_target(kind) for kind in schemas["OrderWithEvents"]["properties"]["events"]["items"]["oneOf"]]
    whole = {*answers, *events, *_EXTENDED.values()}
    parts = [_HEAD]
    for name in _in_order([*events, *(name for name in schemas if name not in _LEFT_OUT)], schemas):
        base = "Form" if name.endswith("Form") else "Answer" if name in whole else "Model"
        parts.append(_class(name, schemas, _EXTENDED.get(name, base)))
        if name == events[-1]:
            parts.append(f'Event = Annotated[{" | ".join(events)}, Field(discriminator="status")]\n')
    forms = [_named(name) for name in schemas if name.endswith("OrderForm") and name not in _LEFT_OUT]
    parts.append(f"OrderRequest = {' | '.join(forms)}\n")
    statuses = {
        error.code: error.status if isinstance(error, GatewayAnswer) else status_of(error) for error in EXAMPLES
    }
    codes = "".join(f'    "{code}": {status},\n' for code, status in statuses.items())
    parts.append(f'STATUSES = {{\n{codes}}}\n"""The HTTP status of each error code."""\n')
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", MODELS, "-"],
        input="\n\n".join(parts), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return formatted.stdout


def _class(name: str, schemas: dict[str, Schema], base: str) -> str:
    schema = schemas[name]
    inherited = schemas[base]["properties"] if base in schemas else {}
    description = schema.get("description", "")
    lines = [_docstring(description)] if description else []
    for field, asked in schema["properties"].items():
        if inherited.get(field) == asked:
            continue
        snake = to_snake(field)
        if to_camel(snake) != field:
            raise ValueError(f"expected a field in camel case, was {field} of {name}")
        lines.append(_field(snake, asked, field in schema.get("required", ()), base == "Form"))
        if "description" in asked:
            lines.append(_docstring(asked["description"]))
    return f"class {_named(name)}({base}):\n" + "\n".join(lines) + "\n"


def _docstring(text: str) -> str:
    return textwrap.fill(f'"""{text}"""', 120, initial_indent="    ", subsequent_indent="    ")


def _field(name: str, schema: Schema, required: bool, asked: bool) -> str:
    if "const" in schema:
        return f'    {name}: Literal["{schema["const"]}"]' + (f' = "{schema["const"]}"' if asked else "")
    kind = _type(schema, asked)
    if required:
        return f"    {name}: {kind}"
    return f"    {name}: {kind if kind.endswith(' | None') else f'{kind} | None'} = None"


def _type(schema: Schema, asked: bool) -> str:
    match schema:
        case {"$ref": _}:
            return _named(_target(schema))
        case {"oneOf": _, "discriminator": {"propertyName": "status"}}:
            return "Event"
        case {"anyOf": [{"type": "string"}, {"type": "number"}]}:
            return "AskedAmount"
        case {"anyOf": kinds}:
            return " | ".join(_type(kind, asked) for kind in kinds)
        case {"enum": values}:
            # An older client meets values that newer services know.
            return f"Literal[{json.dumps(values)[1:-1]}] | str"
        case {"type": "array", "items": items}:
            return f"list[{_type(items, asked)}]"
        case {"type": "string", "format": "date-time"}:
            return "AwareDatetime" if asked else "datetime"
        case {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$" | r"^-?[0-9]+(\.[0-9]+)?$"}:
            return "Decimal"
        case {"type": "string", "pattern": "^[0-9]+$" | "^-?[0-9]+$"}:
            return "int"
    return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}[schema["type"]]


def _in_order(names: list[str], schemas: dict[str, Schema]) -> list[str]:
    """The names, each after those that its schema refers to."""
    ordered: list[str] = []

    def add(name: str) -> None:
        for needed in [*filter(None, [_EXTENDED.get(name)]), *_references(schemas[name])]:
            if needed not in ordered:
                add(needed)
        if name not in ordered:
            ordered.append(name)

    for name in names:
        add(name)
    return ordered


def _references(node: Any) -> list[str]:
    match node:
        case {"$ref": str()}:
            return [_target(node)]
        case dict():
            return [name for value in node.values() for name in _references(value)]
        case list():
            return [name for value in node for name in _references(value)]
    return []


def _target(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _named(name: str) -> str:
    return _RENAMED.get(name, name.removesuffix("Form"))
