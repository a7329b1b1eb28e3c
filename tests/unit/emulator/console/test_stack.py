from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from emulator.common.account import arn
from emulator.console.masks import masked
from emulator.scheduler.records import Schedule
from emulator.scheduler.schedules import Schedules
from tests.support.emulator.clock import FakeClock
from tests.support.emulator.console import parts, run
from tests.support.emulator.no_functions import NoFunctions
from tests.support.emulator.templates import FUNCTION, loaded

PARAMETERS = """
Parameters:
  DatabaseUrl: {Type: String, NoEcho: true}
  ShownKey: {Type: String, Default: key-1}
  Subnets: {Type: CommaDelimitedList, Default: "a,b"}
  Replica: {Type: String, Default: "", NoEcho: true}
Outputs:
  Shown: {Value: !Ref Subnets.0}
"""


def test_the_stack_is_shown_without_its_secrets(tmp_path: Path) -> None:
    rest = PARAMETERS.replace("!Ref Subnets.0", "!Sub 'https://x/${ShownKey}'")
    stack = loaded(tmp_path, FUNCTION, rest, DatabaseUrl="postgresql://user:secret@host/db")

    shown = run(lambda: parts(tmp_path, stack=stack), lambda site: site.get("stack"))

    assert shown == {
        "name": "local",
        "template": str(tmp_path / "template.yaml"),
        "parameters": [
            {"name": "DatabaseUrl", "value": "****"},
            {"name": "ShownKey", "value": "****"},
            {"name": "Subnets", "value": "a,b"},
            {"name": "Replica", "value": ""},
        ],
        "outputs": [{"name": "Shown", "value": "https://x/key-1"}],
    }


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("ApiKey", "abc", "****"),
        ("DbPassword", "abc", "****"),
        ("ClientSecret", "abc", "****"),
        ("ClientSecret", "", ""),
        ("Url", "redis://:pass@host:6379/0", "redis://****@host:6379/0"),
        ("Url", "https://user:pass@host/x?api-key=abc&cluster=dev", "https://****@host/x?api-key=****&cluster=dev"),
        ("Url", "https://host:80/a@b", "https://host:80/a@b"),
        ("Level", "INFO", "INFO"),
    ],
)
def test_values_that_hold_a_secret_are_masked(name: str, value: str, shown: str) -> None:
    assert masked(name, value) == shown


def test_schedules_are_shown_with_their_next_time(tmp_path: Path) -> None:
    start = 1_772_193_630.0  # 12:00:30 UTC
    clock = FakeClock(start)
    schedules = Schedules(
        (
            Schedule("hourly", "cron(0 * * * ? *)", arn("lambda", "function:Sweep")),
            Schedule("off", "rate(1 minute)", "Sweep", enabled=False),
            Schedule("past", "cron(0 0 1 1 ? 2020)", "Sweep"),
        ),
        NoFunctions(),
        clock,
    )

    async def scenario(site: Any) -> Any:
        await schedules.start()
        try:
            return await site.get("schedules")
        finally:
            await schedules.close(0)

    shown = run(lambda: parts(tmp_path, schedules=schedules), scenario)

    assert shown == [
        {
            "name": "hourly",
            "expression": "cron(0 * * * ? *)",
            "enabled": True,
            "function": "Sweep",
            "next": start - 30 + 3600,
        },
        {"name": "off", "expression": "rate(1 minute)", "enabled": False, "function": "Sweep", "next": None},
        {"name": "past", "expression": "cron(0 0 1 1 ? 2020)", "enabled": True, "function": "Sweep", "next": None},
    ]


def test_the_next_time_of_a_schedule_moves_on() -> None:
    async def main() -> None:
        clock = FakeClock(1_772_193_630.0)
        schedules = Schedules((Schedule("minutely", "rate(1 minute)", "Sweep"),), Accepting(), clock)
        await schedules.start()
        await clock.advance(0)
        for minute in (1, 2):
            ((_, due),) = schedules.planned
            assert due is not None
            assert due.timestamp() == 1_772_193_630.0 + 60 * minute
            await clock.advance(60)
        await schedules.close(0)

    asyncio.run(main())


class Accepting(NoFunctions):
    async def invoke_event(self, name_or_arn: str, payload: bytes, /) -> str:
        return "request-id"
