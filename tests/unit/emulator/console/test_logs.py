from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emulator.console import logs
from emulator.lambda_.records import Function
from emulator.template.stack import Stack
from tests.support.emulator.console import Site, parts
from tests.support.emulator.console import run as serve

FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
START = "START RequestId: {} Version: $LATEST\n"
END = "END RequestId: {}\n"
REPORT = "REPORT RequestId: {}\tDuration: 250.00 ms\tMemory Size: 128 MB\tEnded: 2026-11-29T12:00:0{}.000+00:00\t{}\n"


def run(folder: Path, scenario: Callable[[Site], Awaitable[Any]]) -> Any:
    records = (Function("greet", "app.handler", folder / "greet"), Function("part", "app.handler", folder / "part"))
    return serve(lambda: parts(folder, stack=Stack("local", records)), scenario)


def found(folder: Path, **query: str) -> list[dict[str, Any]]:
    """The records that the console shows."""

    async def scenario(site: Site) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = (await site.get("logs", **query))["records"]
        return records

    records: list[dict[str, Any]] = run(folder, scenario)
    return records


def line(**members: Any) -> str:
    return json.dumps(members) + "\n"


def invocation(request_id: str, second: int, *written: str, status: str = "") -> str:
    return (
        START.format(request_id) + "".join(written) + END.format(request_id) + REPORT.format(request_id, second, status)
    )


def test_a_line_of_json_is_one_record(tmp_path: Path) -> None:
    written = line(
        level="WARNING",
        location="handler:3",
        message="the node is late",
        timestamp="2026-11-29 12:00:00,500+0000",
        function_request_id=FIRST,
        correlation_id="order-1",
    )
    (tmp_path / "greet.log").write_text(written)

    assert found(tmp_path) == [
        {
            "function": "greet",
            "at": NOON + 0.5,
            "level": "WARNING",
            "requestId": FIRST,
            "orderId": "order-1",
            "message": "the node is late",
            "text": written.rstrip(),
        }
    ]


@pytest.mark.parametrize(
    ("members", "order_id"),
    [
        ({"orderId": "a", "correlation_id": "b"}, "a"),
        ({"order_id": "a"}, "a"),
        ({"correlation_id": "a", "_aws": {"Timestamp": 1}, "Orders": [1]}, "a"),
        ({"details": {"orderId": "a"}}, "a"),
        ({"details": "none"}, ""),
        ({}, ""),
    ],
)
def test_a_record_names_its_order(tmp_path: Path, members: dict[str, Any], order_id: str) -> None:
    (tmp_path / "greet.log").write_text(line(message="m", **members))

    (record,) = found(tmp_path)
    assert record["orderId"] == order_id


def test_what_lambda_writes_is_a_record_a_line_with_its_request_and_time(tmp_path: Path) -> None:
    (tmp_path / "greet.log").write_text(invocation(FIRST, 1) + invocation(SECOND, 2, status="Status: timeout"))

    records = found(tmp_path)

    assert [(record["requestId"], record["at"], record["level"]) for record in records] == [
        (FIRST, NOON + 0.75, ""),
        (FIRST, NOON + 1, ""),
        (FIRST, NOON + 1, ""),
        (SECOND, NOON + 1.75, ""),
        (SECOND, NOON + 2, ""),
        (SECOND, NOON + 2, "ERROR"),
    ]
    assert [record["message"] for record in records[:2]] == ["START · Version: $LATEST", "END"]
    assert records[2]["message"] == "REPORT · Duration: 250.00 ms · Memory Size: 128 MB"


def test_a_traceback_is_one_record_with_what_it_belongs_to(tmp_path: Path) -> None:
    uncaught = (
        "[ERROR] ValueError: no luck\nTraceback (most recent call last):\n"
        '  File "app.py", line 3, in handler\n    raise ValueError("no luck")\n'
    )
    printed = (
        "it failed:\nTraceback (most recent call last):\n"
        '  File "app.py", line 1, in <module>\n    import nothing\n'
        "ModuleNotFoundError: No module named 'nothing'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "app.py", line 2, in <module>\n    1 / 0\n'
        "ZeroDivisionError: division by zero\n"
    )
    (tmp_path / "greet.log").write_text(invocation(FIRST, 1, uncaught) + printed + "after\n")

    records = [record for record in found(tmp_path) if not record["message"].startswith(("START", "END", "REPORT"))]

    assert [(record["level"], record["text"]) for record in records] == [
        ("ERROR", uncaught.rstrip()),
        ("ERROR", printed.rstrip()),
        ("", "after"),
    ]
    assert [record["message"] for record in records] == ["ValueError: no luck", "it failed:", "after"]
    assert [record["requestId"] for record in records] == [FIRST, "", ""]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            f"2026-11-29T12:00:01.000+00:00 {FIRST} Task timed out after 3.00 seconds",
            "Task timed out after 3.00 seconds",
        ),
        (
            f"RequestId: {FIRST} Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
            "Error: Runtime exited with error: signal: killed",
        ),
        (
            line(level="ERROR", errorType="Odd", errorMessage="three\nfour", requestId=FIRST).rstrip(),
            "Odd: three",
        ),
        (f"[CRITICAL]\t2026-11-29T12:00:01.000Z\t{FIRST}\tno luck\n", "no luck"),
    ],
)
def test_failures_are_errors_of_their_request(tmp_path: Path, written: str, message: str) -> None:
    (tmp_path / "greet.log").write_text(written)

    (record,) = found(tmp_path, level="ERROR")
    assert (record["requestId"], record["message"], record["text"]) == (FIRST, message, written.rstrip())


def test_a_text_is_of_the_request_that_runs_alone(tmp_path: Path) -> None:
    parallel = (
        START.format(FIRST) + "whose is it?\n" + START.format(SECOND) + "and this?\n" + END.format(FIRST) + "last"
    )
    (tmp_path / "greet.log").write_text("before\n" + parallel + END.format(SECOND))

    records = found(tmp_path)

    said = {record["message"]: record["requestId"] for record in records}
    assert {message: said[message] for message in ("before", "whose is it?", "and this?", "last")} == {
        "before": "",
        "whose is it?": FIRST,
        "and this?": "",
        "last": SECOND,
    }
    assert [record["message"] for record in records][-1] == "END"


def test_a_record_without_a_time_has_that_of_its_request_or_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "greet.log").write_text(
        line(message="import", timestamp="2026-11-29T11:59:00Z")
        + invocation(FIRST, 1, "printed\n", line(message="failed", requestId=FIRST, timestamp="2026-11-29T12:00:00Z"))
        + START.format(SECOND)
        + line(_aws={"Timestamp": 1795953602500}, service="greet", Pending=[1.0, 2], Late=[3])
    )

    times = [(record["message"].partition(" ")[0], record["at"] - NOON) for record in found(tmp_path)]

    assert times == [
        ("import", -60),
        ("START", 0.75),
        ("printed", 0.75),
        ("failed", 0.75),  # a whole second, but not before the START
        ("END", 1),
        ("REPORT", 1),
        ("START", 2.5),
        ("Metrics:", 2.5),
    ]
    assert found(tmp_path)[-1]["message"] == "Metrics: Pending 1.0 2, Late 3"


def test_records_of_all_functions_are_in_the_order_of_time(tmp_path: Path) -> None:
    for function, seconds in (("greet", (1, 4)), ("part", (2, 3))):
        lines = (line(message=str(second), timestamp=f"2026-11-29T12:00:0{second}Z") for second in seconds)
        (tmp_path / f"{function}.log").write_text("".join(lines))
    (tmp_path / "other.log").write_text(line(message="of no function of this stack"))

    assert [record["message"] for record in found(tmp_path)] == ["1", "2", "3", "4"]
    assert [record["message"] for record in found(tmp_path, limit="2")] == ["3", "4"]
    assert [record["message"] for record in found(tmp_path, function="greet")] == ["1", "4"]


def test_records_are_found_by_request_order_text_and_level(tmp_path: Path) -> None:
    (tmp_path / "greet.log").write_text(
        invocation(FIRST, 1, line(level="INFO", message="Routed", correlation_id="order-1", requestId=FIRST), "seen\n")
        + invocation(SECOND, 2, line(level="ERROR", message="failed", requestId=SECOND), "[DEBUG] details\n")
    )
    (tmp_path / "part.log").write_text(line(level="WARN", message="Slow", timestamp="2026-11-29T13:00:00Z"))

    def messages(**query: str) -> list[str]:
        return [record["message"].partition(" ")[0] for record in found(tmp_path, **query)]

    assert messages(request=FIRST) == ["START", "Routed", "seen", "END", "REPORT"]
    assert messages(order="order-1") == ["START", "Routed", "seen", "END", "REPORT"]
    assert messages(order="order-2") == []
    assert messages(find="rOuTeD") == ["Routed"]
    assert messages(find="slow") == ["Slow"]
    assert messages(level="WARNING") == ["failed", "Slow"]
    assert messages(level="INFO") == ["Routed", "failed", "Slow"]
    assert messages(level="DEBUG") == ["Routed", "failed", "details", "Slow"]
    assert messages(level="INFO", function="greet", request=SECOND) == ["failed"]


def test_only_the_ends_of_long_logs_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_LOOKED_AT", 2 * 600)
    written = "".join(line(message=f"{number:03}", other="x" * 50) for number in range(100))
    (tmp_path / "greet.log").write_text(written)
    length = len(written) // 100

    assert [record["message"] for record in found(tmp_path)] == [f"{n:03}" for n in range(100 - 600 // length, 100)]
    assert [record["message"] for record in found(tmp_path, find="097")] == ["097"]
    assert found(tmp_path, find="000") == []
    assert len(found(tmp_path, function="greet")) == 1200 // length


@pytest.mark.parametrize("query", [{}, {"find": "XXX"}, {"level": "INFO"}, {"request": FIRST}])
def test_as_many_records_as_are_wanted_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    monkeypatch.setattr(logs, "_FIRST_LOOK", 10)
    written = "".join(
        line(level="INFO", message=f"{number:03}", requestId=FIRST, other="x" * 50)
        + "".join(line(level="", message="other") for _ in range(5))
        for number in range(100)
    )
    (tmp_path / "greet.log").write_text(written)

    wanted = [record for record in found(tmp_path, limit="30", **query) if record["message"] != "other"]
    assert [record["message"] for record in wanted] == [f"{number:03}" for number in range(100 - len(wanted), 100)]
    assert len(wanted) == (30 if query else 5)


@pytest.mark.parametrize(("written", "texts"), [(b"", []), (b"one \xff\n\n", ["one \ufffd\n"]), (b"{\n", ["{"])])
def test_any_content_is_shown(tmp_path: Path, written: bytes, texts: list[str]) -> None:
    (tmp_path / "greet.log").write_bytes(written)

    assert [record["text"] for record in found(tmp_path)] == texts
    assert all(record["at"] is None for record in found(tmp_path))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("level=LOUD", "level: expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL, was 'LOUD'"),
        ("limit=1001", "limit: expected a whole number from 1 to 1000, was '1001'"),
    ],
)
def test_wrong_filters_are_refused(tmp_path: Path, query: str, message: str) -> None:
    status, _, body = run(tmp_path, lambda site: site.answer(f"logs?{query}"))

    assert (status, json.loads(body)) == (400, {"message": message})
