"""The commands that the documentation shows."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.support.stack import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", "client/README.md", *(f"docs/{page.name}" for page in ROOT.glob("docs/*.md")))

_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_TYPED = re.compile(r"^\$ ((?:.*\\\n)*.*)$", re.MULTILINE)
_INLINE = re.compile(r"`((?:make|\./orders|\.venv/bin/python|docker) [^`]+)`")


class Command(NamedTuple):
    page: str
    text: str


def shown() -> list[Command]:
    """Every command, once: those that a block shows after `$`, and those that a sentence names."""
    found = []
    for page in sorted(PAGES):
        text = (ROOT / page).read_text()
        typed = [command for block in _BLOCK.findall(text) for command in _TYPED.findall(block)]
        named = [" ".join(command.split()) for command in _INLINE.findall(_BLOCK.sub("", text))]
        found += [Command(page, command) for command in dict.fromkeys(typed + named)]
    return found
