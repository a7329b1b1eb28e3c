"""`make run` says when its Python is a slow build, and names a better one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools import python_build
from tools.python_build import candidates, first_optimised, is_optimised, note

PLAIN = {"CONFIG_ARGS": "'--prefix=/opt/python' '--enable-shared'", "PY_CFLAGS": "-O3 -Wall"}


@pytest.mark.parametrize(
    ("variables", "prefix", "expected"),
    [
        (PLAIN, "/opt/python", False),
        (PLAIN | {"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'"}, "/opt/python", True),
        (PLAIN | {"PY_CFLAGS": "-O3 -fprofile-use -fprofile-correction"}, "/opt/python", True),
        (PLAIN | {"PY_CFLAGS": "-O3 -fprofile-instr-use=code.profclangd"}, "/opt/python", True),
        # Debian's packages
        (PLAIN, "/usr", True),
        # Windows
        ({}, "C:\\Python", True),
    ],
)
def test_a_build_is_known_by_its_variables(variables: dict[str, object], prefix: str, expected: bool) -> None:
    assert is_optimised(variables, prefix) is expected


def python(path: Path, script: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_other_pythons_are_on_the_path_and_in_the_folders_of_their_installers(tmp_path: Path) -> None:
    expected = [
        python(tmp_path / "bin" / "python3.13", ""),
        python(tmp_path / "pyenv" / "versions" / "3.13.0" / "bin" / "python3.13", ""),
        python(tmp_path / ".local/share/uv/python/cpython-3.12.9-linux/bin/python3.12", ""),
    ]
    python(tmp_path / "bin" / "python3.10", "")
    environment = {"PATH": str(tmp_path / "bin"), "PYENV_ROOT": str(tmp_path / "pyenv")}
    assert list(candidates(environment, tmp_path)) == expected


def test_the_first_that_answers_yes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_build, "_LIMIT", 0.5)
    paths = [
        str(tmp_path / "missing"),
        python(tmp_path / "broken", "exit 127"),
        python(tmp_path / "hangs", "exec sleep 30"),
        python(tmp_path / "slow", "echo False"),
        python(tmp_path / "better", "echo True"),
        python(tmp_path / "best", "echo True"),
    ]
    assert first_optimised(paths[:4]) is None
    assert first_optimised(paths) == paths[4]


def test_a_real_python_tells_of_itself() -> None:
    assert first_optimised([sys.executable]) == (sys.executable if is_optimised() else None)


def test_the_note_is_one_line_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    better = python(tmp_path / "python3.13", "echo True")
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    monkeypatch.setattr(python_build, "is_optimised", lambda: False)
    said = note()
    assert said is not None
    assert said.splitlines() == [said]
    assert said.endswith(f"rm -r .venv && make run PYTHON={better}")


def test_nothing_is_said_of_a_fast_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_build, "is_optimised", lambda: True)
    assert note() is None
