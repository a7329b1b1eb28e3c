"""Folders for what a test starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def data_folder(factory: pytest.TempPathFactory) -> Path:
    """A new folder that other users can enter: started by root, Postgres runs as another user."""
    folder = factory.mktemp("data")
    # pytest keeps its folders to their owner, and pytest-xdist adds one for each worker.
    levels = 3 if "PYTEST_XDIST_WORKER" in os.environ else 2
    for path in (folder, *folder.parents[:levels]):
        path.chmod(0o755)
    return folder
