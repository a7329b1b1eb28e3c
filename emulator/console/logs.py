"""The functions' logs, as records."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.console import log_files
from emulator.console.log_files import LEVELS, Record
from emulator.console.parts import Parts, Query, invalid, limit_of, unknown
from emulator.lambda_.records import Function

_PAGE, _LONGEST_PAGE = 200, 1000
_LOOKED_AT = 4 * 1024 * 1024  # bytes at the ends of the logs, in all
_FIRST_LOOK = 256  # bytes for each record that is wanted


async def logs(parts: Parts, query: Query) -> dict[str, Any]:
    """Returns the newest records, the newest last: of `function`, or of all functions.

    `request`, `order` and `find`, a text, choose among them, and so does `level`, the least. The records of an order
    name it, or are of a request of which another names it. Only the ends of the logs are looked at,
    4 MiB in all. Raises ApiError.
    """
    names = list(parts.stack.of(Function))
    if function := query.get("function"):
        if function not in names:
            raise unknown(f"no function has the name {function!r}")
        names = [function]
    most, choice = limit_of(query, _PAGE, _LONGEST_PAGE), _choice(query)
    files = [parts.logs / f"{name}.log" for name in names]
    records = await asyncio.to_thread(_newest, files, choice, most)
    return {"records": [shown(record) for record in records]}


def shown(record: Record) -> dict[str, Any]:
    return {
        "function": record.function,
        "at": record.at,
        "level": record.level,
        "requestId": record.request_id,
        "orderId": record.order_id,
        "message": record.message,
        "text": record.text,
    }


@dataclass(frozen=True)
class _Choice:
    """What is asked for; empty texts ask for nothing."""

    request: str
    order: str
    text: str
    level: str

    @property
    def signs(self) -> frozenset[str]:
        """Returns texts of which a log contains one if it contains such a record."""
        if self.request:
            return frozenset({self.request})
        if self.order:
            return frozenset({self.order})
        return frozenset({self.text}) if self.text else log_files.signs(self.level)

    def of(self, records: list[Record]) -> list[Record]:
        requests = {record.request_id for record in records if self.order in record.text} - {""}
        return [record for record in records if self._takes(record, requests)]

    def _takes(self, record: Record, requests: set[str]) -> bool:
        return (
            (not self.request or self.request == record.request_id or self.request in record.text)
            and (not self.order or record.request_id in requests or self.order in record.text)
            and self.text in record.text.lower()
            and (not self.level or record.level in LEVELS[LEVELS.index(self.level) :])
        )


def _choice(query: Query) -> _Choice:
    level = query.get("level", "")
    if level and level not in LEVELS:
        raise invalid(f"level: expected one of {', '.join(LEVELS)}, was {level!r}")
    return _Choice(query.get("request", ""), query.get("order", ""), query.get("find", "").lower(), level)


def _newest(files: list[Path], choice: _Choice, most: int) -> list[Record]:
    """Returns up to `most` records of the files, looking further back until each has given so many."""
    found: list[Record] = []
    for file in files:
        whole, length = min(log_files.size(file), _LOOKED_AT // len(files)), most * _FIRST_LOOK
        records = choice.of(log_files.last(file, min(length, whole), choice.signs))
        while len(records) < most and length < whole:
            length *= 4
            records = choice.of(log_files.last(file, min(length, whole), choice.signs))
        found += records
    found.sort(key=lambda record: record.at or 0.0)
    return found[-most:]
