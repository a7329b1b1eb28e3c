"""One version number for the engine, its APIs and what comes with them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib

from contract import DOCS, VERSION
from tests.support.descriptions import document

ROOT = DOCS.parent


def test_the_descriptions_have_the_projects_version() -> None:
    assert {document(name)["info"]["version"] for name in ("openapi", "asyncapi")} == {VERSION}


def test_the_client_has_the_projects_version() -> None:
    assert tomllib.loads((ROOT / "client/pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_emulator_has_the_projects_version() -> None:
    command = [sys.executable, "-m", "emulator", "--version"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout == f"{VERSION}\n"


def test_the_newest_release_of_the_changelog_has_the_projects_version() -> None:
    sections = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[:2] in (["Unreleased"], ["Unreleased", VERSION])


def test_the_bundled_renderer_is_the_locked_one() -> None:
    describe = ROOT / "functions/describe"
    locked = json.loads((describe / "npm/package-lock.json").read_text())["packages"]["node_modules/redoc"]["version"]
    assert f"* Version: {locked}\n" in (describe / "page/redoc.js").read_text()[:400]
