from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.lambda_.environments import Counters
from emulator.sqs.records import Queue, Redrive
from emulator.states.records import StateMachine
from tests.support.emulator.console import Site, parts
from tests.support.emulator.console import run as serve

PASS = StateMachine("pass", {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
WAIT = StateMachine("wait", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}}})
DEAD = Queue("dead")
QUEUES = (Queue("work", redrive=Redrive(DEAD.arn, 3)), DEAD)
COUNTERS = {"greet": Counters(invocations=3, errors=1)}
ACTS = ("executions/start", "executions/stop", "functions/invoke", "queues/purge", "queues/redrive", "queues/send")


def run(folder: Path, scenario: Callable[[Site], Awaitable[Any]], *, read_only: bool = False) -> Any:
    return serve(
        lambda: parts(folder, machines=(PASS, WAIT), queues=QUEUES, counters=COUNTERS), scenario, read_only=read_only
    )


def test_the_overview_counts_executions_messages_and_invocations(tmp_path: Path) -> None:
    async def scenario(site: Site) -> Any:
        for machine in ("pass", "pass", "wait"):
            await site.post("executions/start", {"machine": machine})
        for body, delay in (("a", 0), ("b", 0), ("c", 60)):
            await site.post("queues/send", {"queue": "work", "body": body, "delay": delay})
        await site.parts.sqs.handle("ReceiveMessage", {"QueueUrl": site.parts.sqs.url("work")})
        return await site.get("overview")

    overview = run(tmp_path, scenario)

    assert overview["executions"] == {"pass": {"SUCCEEDED": 2}, "wait": {"RUNNING": 1}}
    assert overview["queues"] == [
        {"name": "dead", "waiting": 0, "inFlight": 0, "delayed": 0, "deadLetters": None},
        {"name": "work", "waiting": 1, "inFlight": 1, "delayed": 1, "deadLetters": "dead"},
    ]
    assert overview["functions"] == {
        "greet": {"invocations": 3, "errors": 1, "throttles": 0, "cold_starts": 0, "duration": 0.0, "running": 0}
    }
    assert (overview["readOnly"], overview["stack"]) == (False, "local")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("", "text/html"), ("console.css", "text/css"), ("icon.svg", "image/svg+xml"), ("overview", "application/json")],
)
def test_the_page_runs_nothing_but_its_own_files(tmp_path: Path, path: str, content_type: str) -> None:
    status, headers, body = run(tmp_path, lambda site: site.answer(path))

    assert status == 200
    assert headers["Content-Type"].startswith(content_type)
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert body


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "expected /_emulator/, GET of overview, "),
        ("executions?arn=execution:echo:unknown", "no execution has the ARN 'execution:echo:unknown'"),
        ("logs?function=other", "no function has the name 'other'"),
        ("logs?function=..%2Fsecret", "no function has the name '../secret'"),
        ("messages", "no queue has the name ''"),
        ("..%2Fservice.py", "expected /_emulator/, GET of overview, "),
        ("static", "expected /_emulator/, GET of overview, "),
        *((act, "expected /_emulator/, GET of overview, ") for act in ACTS),
    ],
)
def test_what_is_not_there_is_not_found(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path.parent / "secret.log").write_text("secret")

    status, headers, body = run(tmp_path, lambda site: site.answer(path))

    assert status == 404
    assert json.loads(body)["message"].startswith(message)
    assert "Content-Security-Policy" in headers


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("origin", [None, "null", "https://example.com", "http://127.0.0.1:1", "https://127.0.0.1"])
def test_only_the_consoles_own_page_changes_something(tmp_path: Path, act: str, origin: str | None) -> None:
    async def scenario(site: Site) -> None:
        body = {"machine": "pass", "arn": "a", "function": "f", "event": "{}", "queue": "work", "body": "sent"}
        status, answer = await site.post(act, body, origin)
        assert (status, answer) == (403, {"message": f"expected the Origin {site.own}, was {origin or 'none'}"})
        assert await site.get("messages", queue="work") == []
        assert (await site.get("executions"))["total"] == 0

    run(tmp_path, scenario)


@pytest.mark.parametrize("act", ACTS)
def test_a_read_only_console_changes_nothing(tmp_path: Path, act: str) -> None:
    async def scenario(site: Site) -> None:
        body = {"machine": "pass", "arn": "a", "function": "f", "event": "{}", "queue": "work", "body": "sent"}
        assert await site.post(act, body) == (403, {"message": "the console is read-only"})
        assert await site.get("messages", queue="work") == []
        overview = await site.get("overview")
        assert (overview["readOnly"], overview["executions"]) == (True, {})

    run(tmp_path, scenario, read_only=True)


@pytest.mark.parametrize(
    ("act", "body", "message"),
    [
        ("queues/send", [], "expected a JSON object, was []"),
        ("queues/send", {"queue": "work", "body": {}}, "body: expected a text, was {}"),
        (
            "queues/send",
            {"queue": "work", "body": "a", "delay": 901},
            "Value 901 for parameter DelaySeconds is invalid",
        ),
        ("executions/start", {"machine": "pass", "input": "{"}, "Invalid State Machine Execution Input: "),
        ("executions/start", {"machine": "pass", "name": "a b"}, "Invalid Name: 'a b'"),
        ("executions/stop", {}, "arn: expected a text, was None"),
    ],
)
def test_wrong_requests_are_refused(tmp_path: Path, act: str, body: Any, message: str) -> None:
    status, answer = run(tmp_path, lambda site: site.post(act, body))

    assert status == 400
    assert answer["message"].startswith(message)
