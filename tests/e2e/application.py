"""Other applications than this one, on the emulator as their users would start it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.stack import FREE_PORTS, ROOT, Stack, start

APPS = ROOT / "tests/apps"


class Application(Stack):
    """An application without stores."""

    def __init__(self, template: Path, data: Path, *options: str) -> None:
        data.mkdir()
        self.data = data
        self._errors = data / "stderr.log"
        self.process = start(data, self._errors, "--template", str(template), *FREE_PORTS, *options)
        try:
            self._await_ready()
        except BaseException:
            self.abandon()
            raise
        running = json.loads((data / "running.json").read_text())
        self.rest = running["rest"]
        self.websocket = running["websocket"]
        self.endpoint = running["endpoint"]


@contextmanager
def application(template: Path, data: Path, *options: str) -> Iterator[Application]:
    running = Application(template, data, *options)
    try:
        yield running
        running.stop()
    finally:
        running.abandon()


def copy_of(name: str, folder: Path) -> Path:
    """The template of a copy that may be changed."""
    shutil.copytree(APPS / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / name / "template.yaml"
