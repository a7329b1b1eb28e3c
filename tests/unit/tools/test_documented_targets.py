"""The targets of make that the documentation shows exist, and take the variables that it gives them."""

from __future__ import annotations

import re

import pytest

from tests.support.documents import Command, shown
from tests.support.stack import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = {target for line in re.findall(r"^([^\t#=:\n]+):(?!=)", MAKEFILE, re.MULTILINE) for target in line.split()}
VARIABLES = {
    *re.findall(r"\$\((\w+)\)", MAKEFILE),
    *re.findall(r"^ifdef (\w+)", MAKEFILE, re.MULTILINE),
    *re.findall(r"^export (\w+)", MAKEFILE, re.MULTILINE),
}
COMMANDS = [
    Command(page, part.strip())
    for page, text in shown()
    for part in re.split(r"&&|\n", text.partition("  #")[0])
    if part.strip().startswith("make ")
]


@pytest.mark.parametrize("command", COMMANDS, ids=[f"{command.page}-{command.text}" for command in COMMANDS])
def test_a_target_exists_and_takes_its_variables(command: Command) -> None:
    words = re.sub(r"""=("[^"]*"|'[^']*'|\S+)""", "=", command.text).split()[1:]
    assert {word for word in words if "=" not in word} <= TARGETS
    assert {word.removesuffix("=") for word in words if "=" in word} <= VARIABLES


def test_the_documentation_shows_such_commands() -> None:
    assert len(COMMANDS) > 80
