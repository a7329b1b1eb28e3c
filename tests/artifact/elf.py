"""Reads where an ELF file can run. https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html"""

from __future__ import annotations

import re
from pathlib import Path

MACHINES = {62: "x86_64", 183: "arm64"}
"""Lambda's name of a processor, by `e_machine`."""


def machine(path: Path) -> str:
    """The processor of a library. Raises ValueError unless it is a 64-bit little-endian ELF file."""
    header = path.read_bytes()[:20]
    if header[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"expected a 64-bit little-endian ELF file, was {header[:6]!r}: {path}")
    return MACHINES[int.from_bytes(header[18:20], "little")]


def glibc(path: Path) -> tuple[int, ...]:
    """The newest version of glibc whose symbols the file uses, from its string table."""
    versions = re.findall(rb"\0GLIBC_(\d+(?:\.\d+)+)(?=\0)", path.read_bytes())
    return max((tuple(map(int, version.split(b"."))) for version in versions), default=(0,))
