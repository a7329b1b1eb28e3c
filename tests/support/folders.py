"""Folders for the data of embedded stores."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

_PREFIX = "order-engine-tests-"


def data_folder() -> Path:
    """Returns a new folder that other users can enter: started by root, Postgres runs as another user.

    It is not one of pytest's, which are closed to other users whenever a run starts, even while another is going on.
    """
    folder = Path(tempfile.mkdtemp(dir=_root()))
    folder.chmod(0o755)
    return folder


def remove_data_folders() -> None:
    """Removes every folder that this process made."""
    if _root.cache_info().currsize:
        shutil.rmtree(_root())
        _root.cache_clear()


@cache
def _root() -> Path:
    """Returns this process's folder. Those of failed runs are kept for a day."""
    for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if old.stat().st_mtime < time.time() - 86_400:
                shutil.rmtree(old)
    root = Path(tempfile.mkdtemp(prefix=_PREFIX))
    root.chmod(0o755)
    return root
