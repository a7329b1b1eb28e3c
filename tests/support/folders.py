"""Folders for the data of embedded stores."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path


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
    root = Path(tempfile.mkdtemp(prefix="order-engine-tests-"))
    root.chmod(0o755)
    return root
