"""The functions' logs, as records."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from emulator.console import log_files
from emulator.console.log_files import LEVELS, Record
from emulator.console.parts import Parts, Query, invalid, limit_of, unknown
from emulator.lambda_.records import Function

_PAGE, _LONGEST_PAGE = 200, 1000
# How many bytes at the ends of the logs are read in all, to show what is newest and to find a text.
_GLANCE, _SEARCH = 512 * 1024, 4 * 1024 * 1024


async def logs(parts: Parts, query: Query) -> dict[str, Any]:
    """Returns the newest records, the newest last: of `function`, or of all functions.

    `request`, `order` and `find`, a text, choose among them, and so does `level`, the least. With `order` come those of
    the requests that name the order. Only the ends of the logs
    are looked at: 4 MiB in all to find a request, an order or a text, and 512 KiB otherwise. Raises ApiError.
    """
    names = list(parts.stack.of(Function))
    if function := query.get("function"):
        if function not in names:
            raise unknown(f"no function has the name {function!r}")
        names = [function]
    level = query.get("level", "")
    if level and level not in LEVELS:
        raise invalid(f"level: expected one of {', '.join(LEVELS)}, was {level!r}")
    files = [parts.logs / f"{name}.log" for name in names]
    records = await asyncio.to_thread(_found, files, query, level)
    records.sort(key=lambda record: record.at or 0.0)
    return {"records": [shown(record) for record in records[-limit_of(query, _PAGE, _LONGEST_PAGE) :]]}


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


def _found(files: list[Path], query: Query, level: str) -> list[Record]:
    request, order, text = query.get("request", ""), query.get("order", ""), query.get("find", "").lower()
    sought = request or order or text
    length = (_SEARCH if sought else _GLANCE) // max(len(files), 1)
    least = LEVELS.index(level) if level else 0
    found: list[Record] = []
    for file in files:
        records = log_files.last(file, length, sought)
        ordered = {record.request_id for record in records if order and order in record.text} - {""}
        found += (
            record
            for record in records
            if (not level or (record.level in LEVELS and LEVELS.index(record.level) >= least))
            and (not request or request == record.request_id or request in record.text)
            and (not order or order in record.text or record.request_id in ordered)
            and (not text or text in record.text.lower())
        )
    return found
