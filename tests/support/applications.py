"""Other applications on the emulator."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.stack import ROOT, Stack, running

APPS = ROOT / "tests/apps"


def application(template: Path, data: Path, *options: str) -> AbstractContextManager[Stack]:
    """Runs an application that needs no store."""
    data.mkdir()
    return running(data, *options, application=("--template", str(template)))


def copy_of(name: str, folder: Path) -> Path:
    """Copies an application so that a test may change it; returns its template."""
    shutil.copytree(APPS / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / name / "template.yaml"
