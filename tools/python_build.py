"""Says whether this Python is a slow build of CPython, and which other one on this machine is a fast one.

A fast build is optimised by a profile of what programs do. By default `./configure` and pyenv make a slow one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_VERSIONS = ("3.13", "3.12", "3.11")
_LIMIT = 2.0  # seconds for a candidate to answer

# It is to make a virtual environment too.
_ASK = f"import ensurepip, runpy; print(runpy.run_path({__file__!r})['is_optimised']())"


def note() -> str | None:
    """A line for the user of a slow build, None for that of a fast one."""
    if is_optimised():
        return None
    other = first_optimised(candidates(os.environ, Path.home()))
    change = (
        f"rm -r .venv && make run PYTHON={other}" if other else "none was found here; uv python install fetches one"
    )
    return f"This Python is built without profile-guided optimisation: 1.3 to 1.6 times slower. A better one: {change}"


def is_optimised(variables: Mapping[str, object] | None = None, prefix: str = sys.base_prefix) -> bool:
    """Whether `sysconfig` variables, this Python's by default, are those of a build that a profile has optimised."""
    found = sysconfig.get_config_vars() if variables is None else variables
    # Windows has no such variable, and Debian removes the flags of its packages, which are optimised.
    if not found.get("CONFIG_ARGS") or prefix == "/usr":
        return True
    return "--enable-optimizations" in str(found["CONFIG_ARGS"]) or "-fprofile" in str(found.get("PY_CFLAGS"))


def candidates(environment: Mapping[str, str], home: Path) -> Iterator[str]:
    """The paths of other Pythons: on the PATH, and in the folders of uv and of pyenv."""
    uv = environment.get("UV_PYTHON_INSTALL_DIR") or home / ".local" / "share" / "uv" / "python"
    pyenv = environment.get("PYENV_ROOT") or home / ".pyenv"
    for version in _VERSIONS:
        if path := shutil.which(f"python{version}", path=environment.get("PATH")):
            yield path
        yield from map(str, sorted(Path(uv).glob(f"cpython-{version}.*/bin/python{version}")))
        yield from map(str, sorted(Path(pyenv, "versions").glob(f"{version}.*/bin/python{version}")))


def first_optimised(paths: Iterable[str]) -> str | None:
    """The first of these Pythons that is optimised and can make a virtual environment."""
    for path in paths:
        try:
            # Without the variables and the user's packages of this one.
            asked = subprocess.run(
                [path, "-I", "-c", _ASK], capture_output=True, text=True, timeout=_LIMIT, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if asked.stdout == "True\n":
            return path
    return None
