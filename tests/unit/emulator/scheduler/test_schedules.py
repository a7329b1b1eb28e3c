from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emulator.common.errors import ApiError
from emulator.scheduler.records import Schedule
from emulator.scheduler.schedules import Schedules, parse
from tests.support.emulator.clock import FakeClock
from tests.support.emulator.no_functions import NoFunctions
from tests.support.emulator.templates import FUNCTION, loaded

START = datetime(2026, 2, 27, 12, 0, 30, tzinfo=UTC)


class FakeLambda(NoFunctions):
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.invocations: list[tuple[float, str, bytes]] = []
        self.problem: Exception | None = None

    async def invoke_event(self, name_or_arn: str, payload: bytes, /) -> str:
        self.invocations.append((self.clock.time(), name_or_arn, payload))
        if self.problem:
            raise self.problem
        return "request-id"


def run(test: Callable[[FakeClock, FakeLambda], Awaitable[None]], *schedules: Schedule) -> None:
    async def main() -> None:
        clock = FakeClock(START.timestamp())
        lambda_ = FakeLambda(clock)
        running = Schedules(schedules, lambda_, clock)
        await running.start()
        await test(clock, lambda_)
        await running.close(0)
        count = len(lambda_.invocations)
        await clock.advance(1_000_000)
        assert len(lambda_.invocations) == count

    asyncio.run(main())


def times(expression: str, count: int = 4, start: datetime = START) -> list[str]:
    return [f"{time:%Y-%m-%d %H:%M}" for time in itertools.islice(parse(expression)(start), count)]


def test_a_rate_begins_at_once() -> None:
    async def test(clock: FakeClock, lambda_: FakeLambda) -> None:
        await clock.advance(0)
        await clock.advance(180)
        assert [time for time, _, _ in lambda_.invocations] == [0, 60, 120, 180]

    run(test, Schedule("sweep", "rate(1 minute)", "recover"))


def test_the_function_receives_schedulers_own_event() -> None:
    async def test(clock: FakeClock, lambda_: FakeLambda) -> None:
        await clock.advance(30)
        ((_, function, payload),) = lambda_.invocations
        event: dict[str, Any] = json.loads(payload)
        assert function == "recover"
        assert event.pop("id")
        assert event == {
            "version": "0",
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": "000000000000",
            "time": "2026-02-27T12:01:00Z",
            "region": "us-east-1",
            "resources": ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/sweep"],
            "detail": "{}",
        }

    run(test, Schedule("sweep", "cron(* * * * ? *)", "recover"))


def test_a_rules_function_receives_eventbridges_own_event() -> None:
    async def test(clock: FakeClock, lambda_: FakeLambda) -> None:
        await clock.advance(30)
        ((_, _, payload),) = lambda_.invocations
        event: dict[str, Any] = json.loads(payload)
        assert event.pop("id")
        assert event == {
            "version": "0",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": "2026-02-27T12:01:00Z",
            "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:000000000000:rule/Sweep"],
            "detail": {},
        }

    run(test, Schedule("Sweep-0", "cron(* * * * ? *)", "recover", rule="Sweep"))


def test_a_rules_input_is_passed_on_as_it_is() -> None:
    async def test(clock: FakeClock, lambda_: FakeLambda) -> None:
        await clock.advance(0)
        assert lambda_.invocations[0][2] == given.encode()

    given = '{"at": "<aws.scheduler.scheduled-time>"}'
    run(test, Schedule("Sweep", "rate(1 day)", "recover", input=given, rule="Sweep"))


def test_the_keywords_in_a_schedules_input_are_replaced() -> None:
    async def test(clock: FakeClock, lambda_: FakeLambda) -> None:
        await clock.advance(0)
        payload = lambda_.invocations[0][2]
        assert payload == b'{"at": "2026-02-27T12:00:30Z", "kept": "<aws.scheduler.other>"}'

    given = '{"at": "<aws.scheduler.scheduled-time>", "kept": "<aws.scheduler.other>"}'
    run(test, Schedule("sweep", "rate(1 day)", "recover", input=given))


def test_a_disabled_schedule_never_runs_and_a_failing_one_runs_again() -> None:
    async def test(clock: FakeClock, lambda_: FakeLambda) -> None:
        lambda_.problem = ApiError("ResourceNotFoundException", "gone", 404)
        await clock.advance(60)
        lambda_.problem = RuntimeError("broken")
        await clock.advance(60)
        assert [name for _, name, _ in lambda_.invocations] == ["on"] * 3

    run(
        test,
        Schedule("off", "rate(1 minute)", "off", enabled=False),
        Schedule("on", "rate(1 minute)", "on"),
    )


def test_times_that_passed_while_the_machine_was_suspended_are_skipped() -> None:
    async def test(clock: FakeClock, lambda_: FakeLambda) -> None:
        await clock.advance(0)
        clock._time += 3590
        await clock.advance(60)
        assert len(lambda_.invocations) == 3

    run(test, Schedule("sweep", "rate(1 minute)", "recover"))


@pytest.mark.parametrize("expression", ["rate(1 minute)", "cron(* * * * ? *)"])
def test_a_schedule_goes_on_after_the_clock_is_set_back(expression: str) -> None:
    async def test(clock: FakeClock, lambda_: FakeLambda) -> None:
        await clock.advance(60)
        clock._start -= 3600
        before = len(lambda_.invocations)
        await clock.advance(300)
        assert 5 <= len(lambda_.invocations) - before <= 6

    run(test, Schedule("sweep", expression, "recover"))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(5 minutes)", ["2026-02-27 12:00", "2026-02-27 12:05"]),
        ("rate(1 hour)", ["2026-02-27 12:00", "2026-02-27 13:00"]),
        ("rate(2 days)", ["2026-02-27 12:00", "2026-03-01 12:00"]),
        ("cron(0 10 * * ? *)", ["2026-02-28 10:00", "2026-03-01 10:00"]),
        ("cron(15/20 12-13 * * ? *)", ["2026-02-27 12:15", "2026-02-27 12:35", "2026-02-27 12:55", "2026-02-27 13:15"]),
        ("cron(0/30 */12 * * ? *)", ["2026-02-27 12:30", "2026-02-28 00:00", "2026-02-28 00:30"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-02-27 18:00", "2026-03-02 18:00"]),
        ("cron(0 18 ? * 1,sat *)", ["2026-02-28 18:00", "2026-03-01 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-03-01 08:00", "2026-04-01 08:00"]),
        ("cron(0 8 31 * ? *)", ["2026-03-31 08:00", "2026-05-31 08:00"]),
        ("cron(0 8 L * ? *)", ["2026-02-28 08:00", "2026-03-31 08:00"]),
        ("cron(0 8 15W * ? *)", ["2026-03-16 08:00", "2026-04-15 08:00"]),
        ("cron(0 8 1W * ? *)", ["2026-03-02 08:00", "2026-04-01 08:00", "2026-05-01 08:00", "2026-06-01 08:00"]),
        ("cron(0 8 31W JAN,MAY ? *)", ["2026-05-29 08:00", "2027-01-29 08:00"]),
        ("cron(0 8 ? * 6L *)", ["2026-03-27 08:00", "2026-04-24 08:00"]),
        ("cron(0 8 ? * L *)", ["2026-02-28 08:00", "2026-03-07 08:00"]),
        ("cron(0 9 ? * MON#1 *)", ["2026-03-02 09:00", "2026-04-06 09:00"]),
        ("cron(0 0 29 FEB ? *)", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2027-2028)", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("cron(0 0 1 1 ? 2020)", []),
        ("cron(0 0 30 2 ? *)", []),
    ],
)
def test_the_times_of_an_expression(expression: str, expected: list[str]) -> None:
    assert times(expression, len(expected) or 1) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(5 seconds)",
        "rate(-1 minutes)",
        "rate(1.5 hours)",
        "rate(5minutes)",
        "at(2026-01-01T00:00:00)",
        "cron(* * * * *)",
        "cron(* * * * * *)",
        "cron(* * ? * ? *)",
        "cron(60 * * * ? *)",
        "cron(* 24 * * ? *)",
        "cron(* * 0 * ? *)",
        "cron(* * 32 * ? *)",
        "cron(* * * 13 ? *)",
        "cron(* * ? * 8 *)",
        "cron(* * ? * 0 *)",
        "cron(* * ? * MON#6 *)",
        "cron(* * ? * FOO *)",
        "cron(* * * * ? 1969)",
        "cron(* * * * ? 2200)",
        "cron(*/0 * * * ? *)",
        "cron(5-1 * * * ? *)",
        "cron(1,,2 * * * ? *)",
        "cron(² * * * ? *)",
        "cron(* * LW * ? *)",
        "cron(* * 1,15W * ? *)",
    ],
)
def test_an_expression_that_aws_refuses_is_named(expression: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        parse(expression)
    assert str(caught.value).startswith(expression)


def test_a_rule_is_known_by_the_name_that_the_template_gives_it(tmp_path: Path) -> None:
    rule = """
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: tick
      ScheduleExpression: rate(1 minute)
      Targets: [{Id: a, Arn: !GetAtt Worker.Arn}, {Id: b, Arn: !GetAtt Worker.Arn, Input: '{}'}]
"""
    stack = loaded(tmp_path, FUNCTION + rule)
    assert [(schedule.rule, schedule.input) for schedule in stack.of(Schedule).values()] == [
        ("tick", None),
        ("tick", "{}"),
    ]


def test_a_functions_schedule_event_is_a_rule_and_its_schedule_v2_event_is_not(tmp_path: Path) -> None:
    events = """
      Events:
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 minute), Name: tick}}
        Tock: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute), Name: tock}}
"""
    function = FUNCTION.replace("{CodeUri: code, Handler: app.handler, Runtime: python3.13}", "")
    properties = "\n      CodeUri: code\n      Handler: app.handler\n      Runtime: python3.13"
    stack = loaded(tmp_path, f"{function.rstrip()}{properties}{events}")
    assert {schedule.name: schedule.rule for schedule in stack.of(Schedule).values()} == {"tick": "tick", "tock": None}
