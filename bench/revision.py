"""Another revision of the project, to run beside this one on the same Python."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from bench.stack import ROOT

_PIN = re.compile(r"^[A-Za-z0-9].*?==[^\\]*", re.MULTILINE)


class RevisionError(Exception):
    """The revision cannot run here. The message says what was expected."""


@contextmanager
def revision(name: str) -> Iterator[Path]:
    """Yields a temporary folder with the files of the revision that git knows by this name. Raises `RevisionError`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "revision"
        _git("worktree", "add", "--quiet", "--detach", str(root), name)
        try:
            check_packages(root)
            yield root
        finally:
            _git("worktree", "remove", "--force", str(root))


def _git(*arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RevisionError(f"git {' '.join(arguments)}: {done.stderr.strip()}")


def check_packages(root: Path) -> None:
    """Says which packages are installed in other versions than the revision pins. One that is missing is an error."""
    pins = map(Requirement, _PIN.findall((root / "requirements" / "run.txt").read_text()))
    found = {pin: _installed(pin.name) for pin in pins if pin.marker is None or pin.marker.evaluate()}
    if missing := [pin.name for pin, version in found.items() if not version]:
        raise RevisionError(f"expected the packages that the revision needs, was without {', '.join(missing)}")
    others = [
        f"{pin.name} {version} ({pin.specifier})" for pin, version in found.items() if version not in pin.specifier
    ]
    if others:
        print(f"The revision pins other packages than it gets: {', '.join(others)}.", file=sys.stderr)


def _installed(name: str) -> str:
    """The version, or "" if the package is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
