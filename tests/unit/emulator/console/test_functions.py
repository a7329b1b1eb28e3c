from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from emulator.lambda_.environments import Counters
from emulator.lambda_.functions import Invocation
from emulator.lambda_.records import Function
from emulator.template.stack import Stack
from tests.support.emulator.console import Site, parts
from tests.support.emulator.console import run as serve
from tests.support.emulator.gateways import Functions

ONE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


class Logging(Functions):
    """A function that logs as Lambda does, while another of its invocations runs."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self.log = log
        self.payloads: list[bytes] = []

    async def invoke(self, name: str, payload: bytes, /) -> Invocation:
        self.payloads.append(payload)
        failed = b"fail" in payload
        with self.log.open("a") as log:
            log.write(f"START RequestId: {OTHER} Version: $LATEST\nSTART RequestId: {ONE} Version: $LATEST\n")
            log.write(json.dumps({"level": "INFO", "message": "hello", "requestId": ONE}) + "\n")
            log.write(f"END RequestId: {OTHER}\nEND RequestId: {ONE}\n")
        result = b'{"errorType": "Odd", "errorMessage": "three"}' if failed else b'{"big": 12345678901234567890}'
        return Invocation(result, failed, ONE)


def run(folder: Path, scenario: Callable[[Site], Awaitable[Any]], functions: Functions | None = None) -> Any:
    function = Function("greet", "app.handler", folder / "greeting", timeout=7, memory=512)
    stack = Stack("local", (function,), sources=(folder / "template.yaml",))
    counters = {"greet": Counters(invocations=3, errors=1)}
    return serve(lambda: parts(folder, stack=stack, functions=functions, counters=counters), scenario)


def test_functions_are_shown_with_their_configuration_and_counters(tmp_path: Path) -> None:
    assert run(tmp_path, lambda site: site.get("functions")) == {
        "greet": {
            "invocations": 3,
            "errors": 1,
            "throttles": 0,
            "cold_starts": 0,
            "duration": 0.0,
            "running": 0,
            "handler": "app.handler",
            "runtime": "python3.13",
            "memory": 512,
            "timeout": 7,
            "folder": "greeting",
        }
    }


def test_the_example_events_beside_the_template_are_offered(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "greeting-loud.json").write_text('{\n  "big": 12345678901234567890\n}\n')
    (tmp_path / "events" / "greeting.json").write_text("{}")
    (tmp_path / "events" / "notes.txt").write_text("not an event")

    assert run(tmp_path, lambda site: site.get("events")) == [
        {"name": "greeting", "body": "{}"},
        {"name": "greeting-loud", "body": '{\n  "big": 12345678901234567890\n}\n'},
    ]


def test_without_example_events_none_are_offered(tmp_path: Path) -> None:
    assert run(tmp_path, lambda site: site.get("events")) == []


def test_an_invocation_returns_the_result_and_its_own_log(tmp_path: Path) -> None:
    functions = Logging(tmp_path / "greet.log")
    functions.log.write_text(f"START RequestId: {ONE} Version: $LATEST\nan earlier line\n")
    event = '{ "big": 98765432109876543210, "price": 1.50 }'

    async def scenario(site: Site) -> None:
        status, answer = await site.post("functions/invoke", {"function": "greet", "event": event})

        assert status == 200
        assert functions.payloads == [event.encode()]
        assert answer.pop("milliseconds") >= 0
        log = answer.pop("log")
        assert answer == {"error": False, "payload": '{"big": 12345678901234567890}', "requestId": ONE}
        assert [record["message"].split()[0] for record in log] == ["START", "hello", "END"]

    run(tmp_path, scenario, functions)


def test_a_failed_invocation_says_so(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        _, answer = await site.post("functions/invoke", {"function": "greet", "event": '"fail"'})

        assert answer["error"] is True
        assert json.loads(answer["payload"]) == {"errorType": "Odd", "errorMessage": "three"}

    run(tmp_path, scenario, Logging(tmp_path / "greet.log"))


def test_only_functions_of_the_stack_are_invoked_and_only_with_json(tmp_path: Path) -> None:
    functions = Logging(tmp_path / "greet.log")

    async def scenario(site: Site) -> None:
        status, answer = await site.post("functions/invoke", {"function": "../greet", "event": "{}"})
        assert (status, answer) == (404, {"message": "no function has the name '../greet'"})
        status, answer = await site.post("functions/invoke", {"function": "greet", "event": "{'a': 1}"})
        assert status == 400
        assert answer["message"].startswith("event: expected JSON: ")
        assert functions.payloads == []

    run(tmp_path, scenario, functions)
