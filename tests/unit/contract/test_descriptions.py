"""The committed descriptions are up to date, valid and complete, and their examples match their schemas."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from openapi_spec_validator import validate

from contract import DOCS
from contract.__main__ import text
from contract.asyncapi import asyncapi
from contract.errors import EXAMPLES
from contract.openapi import openapi
from emulator.apigateway.records import RestApi
from tests.support.aws import stack
from tests.support.descriptions import check, document, operations

NPM = DOCS.parent / "tests/npm"


@pytest.mark.parametrize(("name", "generate"), [("openapi", openapi), ("asyncapi", asyncapi)])
def test_the_committed_descriptions_are_up_to_date(name: str, generate: Any) -> None:
    assert (DOCS / f"{name}.json").read_text() == text(generate()), "expected docs/ to be up to date: make descriptions"


def test_openapi_is_valid() -> None:
    assert document("openapi")["openapi"].startswith("3.1")
    validate(document("openapi"))


@pytest.mark.skipif(not (NPM / "node_modules/@asyncapi").exists(), reason="npm ci --prefix tests/npm installs a parser")
def test_asyncapi_is_valid() -> None:
    script = """
      import { readFileSync } from "node:fs";
      import { Parser } from "@asyncapi/parser";
      const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[1], "utf8"));
      console.log(document.version(), diagnostics.filter((one) => one.severity < 2).map((one) => one.message));
    """
    command = ["node", "--input-type=module", "--eval", script, str(DOCS / "asyncapi.json")]
    ended = subprocess.run(command, cwd=NPM, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "3.0.0 []\n"


def test_every_route_of_the_template_is_described_and_no_other() -> None:
    (api,) = stack().of(RestApi).values()
    # The pages and their assets are not part of the API.
    routes = [route for route in api.routes if route.path != "/" and not route.path.startswith(("/assets/", "/docs"))]
    described = {(method, path): operation.get("security") != [] for method, path, operation in operations()}
    assert described == {(route.method, route.path): route.authorizer is not None for route in routes}


@pytest.mark.parametrize(("method", "path", "operation"), operations(), ids=[f"{m} {p}" for m, p, _ in operations()])
def test_every_request_and_answer_has_examples_as_described(method: str, path: str, operation: dict[str, Any]) -> None:
    described = [*operation["responses"].values(), *filter(None, [operation.get("requestBody")])]
    for content in (one["content"]["application/json"] for one in described):
        # The descriptions have no examples of themselves.
        assert content.get("examples") or content["schema"] == {"type": "object"}
        for example in content.get("examples", {}).values():
            check("openapi", content["schema"], example["value"])
    for parameter in operation.get("parameters", []):
        for example in parameter.get("examples", {}).values():
            check("openapi", parameter["schema"], example["value"])


def test_every_message_has_examples_as_described() -> None:
    for message in document("asyncapi")["components"]["messages"].values():
        assert message["examples"]
        for example in message["examples"]:
            check("asyncapi", message["payload"], example["payload"])


def test_both_descriptions_have_the_same_schemas() -> None:
    rest, websocket = (document(name)["components"]["schemas"] for name in ("openapi", "asyncapi"))
    shared = rest.keys() & websocket.keys()
    assert {"Error", "RoutingEvent", "ConfirmedEvent", "Failure"} <= shared
    assert {name: rest[name] for name in shared} == {name: websocket[name] for name in shared}


def test_every_error_of_the_documentation_is_described() -> None:
    table = (DOCS / "api.md").read_text().partition("## Errors")[2].partition("Codes of `failed`")[0]
    documented = {
        code for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for code in re.findall(r"`(\w+)`", row)
    }
    assert documented == {error.code for error in EXAMPLES}
