"""Reads records from the ends of the functions' logs.

A record is a line of JSON, a line that Lambda writes (START, END, REPORT), or a text with the lines of its traceback.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_ALIASES = {"WARN": "WARNING", "FATAL": "CRITICAL"}

# What a record of such a level has in it, upper or lower case; an error may also be Lambda's or a traceback.
_SIGNS = {
    "DEBUG": {"debug"},
    "INFO": {"info"},
    "WARNING": {"warn"},
    "ERROR": {"error", "traceback", "status: timeout", "task timed out"},
    "CRITICAL": {"critical", "fatal"},
}

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# What a function prints without a line's end stands before Lambda's own.
_PLATFORM = re.compile(rf"(START|END|REPORT) RequestId: ({_ID})\b")
_PLATFORM_HEADS = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ")
_DURATION = re.compile(r"\tDuration: ([\d.]+) ms")
_ENDED = re.compile(r"\tEnded: (\S+)")
_FAILED = re.compile(r"\tStatus: (?:timeout|error)")
# The runtime's text format: [ERROR], a time and a request id, of which an error that nobody caught has only the first.
_PREFIXED = re.compile(rf"\[(\w+)\]\s+(?:(\S+Z)\s+)?(?:({_ID})\s+)?(.*)")
_TIMED_OUT = re.compile(rf"(\d{{4}}-\S+) ({_ID}) (Task timed out.*)")
_EXITED = re.compile(rf"RequestId: ({_ID}) (Error: .*)")
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = (
    _TRACEBACK,
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


@dataclass(slots=True)
class Record:
    """A record. `at` is in seconds since the epoch: its own time, or else that of its request or the one before it.

    `message` is one line of the `text`. `level` is empty for what has none. A text without an id is of the request that
    runs, if it is the only one.
    """

    function: str
    at: float | None
    level: str
    request_id: str
    order_id: str
    message: str
    text: str


def signs(level: str) -> frozenset[str]:
    """Returns texts of which a record of at least this level has one, none if there is no level."""
    return frozenset().union(*(_SIGNS[name] for name in LEVELS[LEVELS.index(level) :])) if level else frozenset()


def size(log: Path) -> int:
    """Returns the length in bytes, 0 for a log that is not there yet."""
    return log.stat().st_size if log.exists() else 0


def last(log: Path, length: int, sought: Collection[str] = ()) -> list[Record]:
    """Returns the records in the last `length` bytes, from the first whole line on.

    A log that contains none of the texts `sought` there, upper or lower case, is not taken apart.
    """
    if not (end := size(log)):
        return []
    with log.open("rb") as file:
        if start := max(0, end - length):
            file.seek(start - 1)
            file.readline()
        content = file.read()
    if sought:
        lower = content.lower()
        if not any(text.lower().encode() in lower for text in sought):
            return []
    return _records(log.stem, content.decode("utf-8", "replace"))


def _records(function: str, text: str) -> list[Record]:
    records: list[Record] = []
    running: dict[str, None] = {}
    for lines in _grouped(text.removesuffix("\n").split("\n") if text else []):
        record = _record(function, lines)
        if record.text.startswith(_PLATFORM_HEADS):
            if record.text.startswith("START"):
                running[record.request_id] = None
            else:
                running.pop(record.request_id, None)
        elif not record.request_id and len(running) == 1:
            (record.request_id,) = running
        records.append(record)
    _date(records)
    return records


def _grouped(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yields the lines of each record."""
    group: list[str] = []
    for whole in lines:
        for line in _split(whole):
            if group and _continues(line, group):
                group.append(line)
                continue
            if group:
                yield group
            group = [line]
    if group:
        yield group


def _split(line: str) -> list[str]:
    if line.startswith(("{", *_PLATFORM_HEADS)) or not (platform := _PLATFORM.search(line)):
        return [line]
    return [line[: platform.start()], line[platform.start() :]]


def _continues(line: str, group: list[str]) -> bool:
    head = group[0]
    if line.startswith(("{", "[", *_PLATFORM_HEADS)) or head.startswith(("{", *_PLATFORM_HEADS)):
        return False
    if not line or line[0].isspace() or line in _CHAINED:
        return True
    # The line that ends a traceback: its frames are indented.
    in_traceback = _TRACEBACK in group and (group[-1][:1].isspace() or group[-1] in _CHAINED)
    return in_traceback or (line.startswith("Runtime.ExitError") and _EXITED.match(head) is not None)


def _record(function: str, lines: list[str]) -> Record:
    head, text = lines[0], "\n".join(lines)
    if head.startswith("{"):
        try:
            content = json.loads(head)
        except ValueError:
            content = None
        if isinstance(content, dict):
            return _structured(function, content, text)
    if head.startswith(_PLATFORM_HEADS) and (platform := _PLATFORM.match(head)):
        level = "ERROR" if _FAILED.search(head) else ""
        told = map(str.strip, (platform[1], *head[platform.end() :].split("\t")))
        shown = " · ".join(part for part in told if part and not part.startswith("Ended: "))
        return Record(function, _ended(head), level, platform[2], "", shown, text)
    if match := _TIMED_OUT.match(head):
        return Record(function, _time(match[1]), "ERROR", match[2], "", match[3], text)
    if match := _EXITED.match(head):
        return Record(function, None, "ERROR", match[1], "", match[2], text)
    if match := _PREFIXED.match(head):
        return Record(function, _time(match[2]), _level(match[1]), match[3] or "", "", match[4], text)
    failed = _TRACEBACK in lines
    return Record(function, None, "ERROR" if failed else "", "", "", lines[-1] if head == _TRACEBACK else head, text)


def _structured(function: str, content: dict[str, Any], text: str) -> Record:
    details, metrics = content.get("details"), content.get("_aws")
    known = {**(details if isinstance(details, dict) else {}), **content}

    def first(*names: str) -> str:
        return next((str(known[name]) for name in names if known.get(name)), "")

    at = _time(first("timestamp", "time"))
    message = content.get("message")
    if isinstance(metrics, dict) and isinstance(milliseconds := metrics.get("Timestamp"), int):
        at = milliseconds / 1000
        counted = [" ".join(map(str, (name, *values))) for name, values in content.items() if isinstance(values, list)]
        message = f"Metrics: {', '.join(counted)}"
    elif message is None:
        message = ": ".join(str(known[name]) for name in ("errorType", "errorMessage") if name in known) or text
    return Record(
        function,
        at,
        _level(first("level", "log_level")),
        first("function_request_id", "requestId", "AWSRequestId"),
        first("orderId", "order_id", "correlation_id"),
        message.partition("\n")[0] if isinstance(message, str) else json.dumps(message),
        text,
    )


def _date(records: list[Record]) -> None:
    """Gives a time to records that have none."""
    begins: dict[str, float] = {}
    ends: dict[str, float] = {}
    for record in records:
        if record.at is None or not record.request_id:
            continue
        if record.text.startswith("REPORT") and (duration := _DURATION.search(record.text)):
            ends[record.request_id] = record.at
            begins[record.request_id] = record.at - float(duration[1]) / 1000
        else:
            begins.setdefault(record.request_id, record.at)
    latest = next((record.at for record in records if record.at is not None), None)
    for record in records:
        if record.at is None:
            known = ends if record.text.startswith("END ") else begins if record.text.startswith("START ") else {}
            record.at = known.get(record.request_id, latest)
        elif record.request_id in begins:
            record.at = max(record.at, begins[record.request_id])  # the runtime writes whole seconds
        latest = record.at


def _ended(line: str) -> float | None:
    match = _ENDED.search(line)
    return _time(match[1]) if match else None


def _time(text: str | None) -> float | None:
    """Reads an ISO 8601 time, also with a comma before the milliseconds as Python's logging writes it."""
    try:
        at = datetime.fromisoformat((text or "").replace(",", "."))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _level(text: str) -> str:
    level = text.upper()
    return _ALIASES.get(level, level)
