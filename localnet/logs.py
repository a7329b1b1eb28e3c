"""The lines that the runtime logs around those of the programs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from solders.pubkey import Pubkey

_INVOKE = re.compile(r"Program (\w+) invoke \[(\d+)\]")
_CONSUMED = re.compile(r"Program (\w+) consumed (\d+) of (\d+) compute units")
_FAILED = re.compile(r"Program \w+ failed: (.*)")

_MAX_BYTES = 10_000


class Section(NamedTuple):
    """The lines of one instruction of a transaction, with those of the instructions that it calls."""

    program: Pubkey
    lines: list[str]

    @property
    def consumed(self) -> int:
        """The compute units of the instruction; 0 for a builtin program's, which logs none."""
        match = next((match for line in reversed(self.lines) if (match := _CONSUMED.fullmatch(line))), None)
        return int(match[2]) if match and match[1] == str(self.program) else 0

    @property
    def failure(self) -> str | None:
        """Why the instruction failed, if it did."""
        match = _FAILED.fullmatch(self.lines[-1])
        return match[1] if match else None

    def moved(self, units: int, depth: int = 0) -> Iterable[str]:
        """The lines as if `units` more were available, and the instruction were called `depth` deeper."""
        for line in self.lines:
            if match := _INVOKE.fullmatch(line):
                yield invoked(match[1], int(match[2]) + depth)
            elif match := _CONSUMED.fullmatch(line):
                yield consumed(match[1], int(match[2]), int(match[3]) + units)
            else:
                yield line


def sections(lines: Iterable[str]) -> list[Section]:
    found: list[Section] = []
    for line in lines:
        match = _INVOKE.fullmatch(line)
        if match and match[2] == "1":
            found.append(Section(Pubkey.from_string(match[1]), []))
        found[-1].lines.append(line)
    return found


def invoked(program: Pubkey | str, depth: int) -> str:
    return f"Program {program} invoke [{depth}]"


def consumed(program: Pubkey | str, units: int, available: int) -> str:
    return f"Program {program} consumed {units} of {available} compute units"


def succeeded(program: Pubkey) -> str:
    return f"Program {program} success"


def failed(program: Pubkey, reason: str) -> str:
    return f"Program {program} failed: {reason}"


def truncated(lines: Iterable[str]) -> tuple[str, ...]:
    """The lines up to the size at which a node cuts them."""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line.encode())
        if size >= _MAX_BYTES:
            return (*kept, "Log truncated")
        kept.append(line)
    return tuple(kept)
