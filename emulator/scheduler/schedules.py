"""Invokes functions at the times of `rate(…)` and `cron(…)` expressions, in UTC."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import uuid
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from emulator.common.account import ACCOUNT, REGION, arn
from emulator.common.clock import Clock, Timer
from emulator.common.errors import ApiError
from emulator.common.service import Service
from emulator.lambda_.functions import Functions
from emulator.scheduler.records import Schedule

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_LAST_YEAR = 2199

_log = logging.getLogger(__name__)

Expression = Callable[[datetime], Iterator[datetime]]


class Schedules(Service):
    """Runs the enabled schedules of a stack. Raises ValueError for an expression that AWS refuses."""

    def __init__(self, schedules: Iterable[Schedule], functions: Functions, clock: Clock | None = None) -> None:
        self._functions = functions
        self._clock = clock or Clock()
        self._timers: dict[str, Timer] = {}
        self._due: dict[str, datetime | None] = {}
        self._invocations: set[asyncio.Task[None]] = set()
        self._schedules = [(schedule, parse(schedule.expression)) for schedule in schedules]

    @property
    def planned(self) -> list[tuple[Schedule, datetime | None]]:
        """Returns the schedules with the times of their next invocations, None for those that have none."""
        return [(schedule, self._due.get(schedule.name)) for schedule, _ in self._schedules]

    async def start(self) -> None:
        now = self._now()
        for schedule, expression in self._schedules:
            if schedule.enabled:
                self._plan(schedule, expression, expression(now), now)

    async def close(self, grace: float) -> None:
        """Stops the schedules. Lambda finishes the invocations that it has accepted."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._invocations:
            await asyncio.wait(self._invocations)

    def _plan(self, schedule: Schedule, expression: Expression, times: Iterator[datetime], now: datetime) -> None:
        """Sets a timer for the next time. Times that passed while the machine was suspended are skipped."""
        due = next((time for time in times if time >= now), None)
        self._due[schedule.name] = due
        if due is not None:
            delay = (due - now).total_seconds()
            self._timers[schedule.name] = self._clock.call_at(
                self._clock.time() + delay, self._run, schedule, expression, due, times
            )

    def _run(self, schedule: Schedule, expression: Expression, due: datetime, times: Iterator[datetime]) -> None:
        task = asyncio.get_running_loop().create_task(self._invoke(schedule, due))
        self._invocations.add(task)
        task.add_done_callback(self._invocations.discard)
        now = self._now()
        # The clock was set back: the times begin anew, or none would be due before it reaches them again.
        if now < due - timedelta(seconds=1):
            times = expression(now)
        self._plan(schedule, expression, times, now)

    async def _invoke(self, schedule: Schedule, due: datetime) -> None:
        try:
            await self._functions.invoke_event(schedule.function, event(schedule, due))
        except ApiError as error:
            _log.error("schedule %s: %s", schedule.name, error)
        except Exception:
            _log.exception("schedule %s could not invoke %s", schedule.name, schedule.function)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def event(schedule: Schedule, due: datetime) -> bytes:
    """Returns what the function receives: the schedule's input, or the event of the service that runs the schedule."""
    time = f"{due:%Y-%m-%dT%H:%M:%SZ}"
    execution = str(uuid.uuid4())
    source, detail, origin = _origin(schedule)
    if schedule.input is None:
        own = {
            "version": "0",
            "id": execution,
            "detail-type": "Scheduled Event",
            "source": source,
            "account": ACCOUNT,
            "time": time,
            "region": REGION,
            "resources": [origin],
            "detail": detail,
        }
        return json.dumps(own).encode()
    if schedule.rule is not None:
        return schedule.input.encode()
    keywords = {
        "schedule-arn": origin,
        "scheduled-time": time,
        "execution-id": execution,
        "attempt-number": "1",
    }
    return re.sub(
        r"<aws\.scheduler\.([a-z-]+)>", lambda match: keywords.get(match[1], match[0]), schedule.input
    ).encode()


def _origin(schedule: Schedule) -> tuple[str, object, str]:
    """The source, the detail and the ARN in the event: Scheduler writes the empty detail as a string."""
    if schedule.rule is not None:
        return "aws.events", {}, rule_arn(schedule.rule)
    return "aws.scheduler", "{}", arn("scheduler", f"schedule/{schedule.group}/{schedule.name}")


def rule_arn(name: str) -> str:
    return arn("events", f"rule/{name}")


def parse(expression: str) -> Expression:
    """Returns a function that yields the times from a start on, in order. Raises ValueError for what AWS refuses."""
    if match := re.fullmatch(r"rate\((\d{1,9}) (minute|hour|day)(s?)\)", expression):
        value = int(match[1])
        if value < 1 or (value == 1) == bool(match[3]):
            raise ValueError(f"{expression}: expected a positive value, and minute, hour or day as singular only for 1")
        return _rate(timedelta(**{f"{match[2]}s": value}))
    if match := re.fullmatch(r"cron\((.*)\)", expression):
        try:
            return _cron(match[1].split())
        except ValueError as error:
            raise ValueError(f"{expression}: {error}") from None
    raise ValueError(
        f"{expression}: expected rate(value minutes|hours|days) or "
        "cron(minutes hours day-of-month month day-of-week year); one-time at(…) is not supported"
    )


def _rate(period: timedelta) -> Expression:
    """Includes the start itself, as Scheduler does for a schedule without a start date."""

    def times(start: datetime) -> Iterator[datetime]:
        while True:
            yield start
            start += period

    return times


def _cron(fields: list[str]) -> Expression:
    if len(fields) != 6:
        raise ValueError(f"expected 6 fields, was {len(fields)}")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError("expected ? in exactly one of day-of-month and day-of-week")
    minutes = sorted(_values("minutes", fields[0], 0, 59))
    hours = sorted(_values("hours", fields[1], 0, 23))
    months = _values("month", fields[3], 1, 12, _MONTHS)
    years = _values("year", fields[5], 1970, _LAST_YEAR)
    matches = _day_of_week(fields[4]) if fields[2] == "?" else _day_of_month(fields[2])

    def times(start: datetime) -> Iterator[datetime]:
        day = start.date()
        while day.year <= _LAST_YEAR:
            if day.year not in years or day.month not in months:
                day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
                continue
            if matches(day):
                for hour in hours:
                    for minute in minutes:
                        time = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                        if time >= start:
                            yield time
            day += timedelta(days=1)

    return times


def _day_of_month(field: str) -> Callable[[date], bool]:
    if field == "L":
        return lambda day: day.day == _days(day)
    if match := re.fullmatch(r"(\d+)W", field):
        (target,) = _values("day-of-month", match[1], 1, 31)
        return lambda day: target <= _days(day) and day.day == _nearest_weekday(day.replace(day=target)).day
    values = _values("day-of-month", field, 1, 31)
    return lambda day: day.day in values


def _day_of_week(field: str) -> Callable[[date], bool]:
    if match := re.fullmatch(r"(\w+)(L|#[1-5])", field):
        (target,) = _values("day-of-week", match[1], 1, 7, _WEEKDAYS)
        if match[2] == "L":
            return lambda day: _weekday(day) == target and day.day + 7 > _days(day)
        nth = int(match[2][1])
        return lambda day: _weekday(day) == target and (day.day + 6) // 7 == nth
    values = _values("day-of-week", "7" if field == "L" else field, 1, 7, _WEEKDAYS)
    return lambda day: _weekday(day) in values


def _values(name: str, field: str, least: int, most: int, names: dict[str, int] | None = None) -> set[int]:
    """Returns the values of a field of `*`, numbers or names, ranges, steps and lists."""

    def number(text: str) -> int:
        value = (names or {}).get(text.upper()) or (int(text) if re.fullmatch(r"\d{1,4}", text) else -1)
        if not least <= value <= most:
            raise ValueError(f"{name}: expected {least} to {most}, was {text!r}")
        return value

    values: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not re.fullmatch(r"[1-9]\d{0,3}", step):
            raise ValueError(f"{name}: expected a positive step, was {part!r}")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = least, most
        elif dash:
            low, high = number(first), number(last)
        else:
            low = number(span)
            high = most if slash else low
        if low > high:
            raise ValueError(f"{name}: expected a rising range, was {part!r}")
        values.update(range(low, high + 1, int(step) if slash else 1))
    return values


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _days(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date) -> date:
    """Returns the weekday nearest to `day` in the same month."""
    if day.isoweekday() == 6:
        return day + timedelta(days=2 if day.day == 1 else -1)
    if day.isoweekday() == 7:
        return day + timedelta(days=-2 if day.day == _days(day) else 1)
    return day
