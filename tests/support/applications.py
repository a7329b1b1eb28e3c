"""Other applications than this one, on the emulator as their users would start it."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.stack import ROOT, Stack, running

APPS = ROOT / "tests/apps"


def application(template: Path, data: Path, *options: str) -> AbstractContextManager[Stack]:
    """An application without stores."""
    data.mkdir()
    return running(data, *options, application=("--template", str(template)))


def copy_of(name: str, folder: Path) -> Path:
    """The template of a copy that may be changed."""
    shutil.copytree(APPS / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / name / "template.yaml"
