"""Another revision runs from a temporary folder, with the packages of this one."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from bench.revision import RevisionError, check_packages, revision
from bench.stack import ROOT

HASH = " \\\n    --hash=sha256:0000"


def pinned(root: Path, *pins: str) -> Path:
    (root / "requirements").mkdir()
    (root / "requirements" / "run.txt").write_text("\n".join(pin + HASH for pin in pins))
    return root


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    root = pinned(tmp_path, f"psutil=={metadata.version('psutil')}", "not-installed-here==1.0")
    with pytest.raises(RevisionError, match="was without not-installed-here$"):
        check_packages(root)


def test_another_version_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_packages(pinned(tmp_path, "psutil==0.1", "not-installed-here==1.0 ; sys_platform == 'nowhere'"))
    assert f"psutil {metadata.version('psutil')} (==0.1)" in capsys.readouterr().err


def test_the_same_packages_need_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    check_packages(ROOT)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not in a git repository")
def test_a_revision_is_checked_out_and_removed_again() -> None:
    with revision("HEAD") as root:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        assert (root / "template.yaml").exists()
        assert root != ROOT
        assert len(head.stdout) == 41
    assert not root.exists()
    listed = subprocess.run(["git", "worktree", "list"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert str(root) not in listed.stdout


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not in a git repository")
def test_an_unknown_revision_is_refused() -> None:
    with pytest.raises(RevisionError, match="no-such-revision"), revision("no-such-revision"):
        pytest.fail("expected no revision")
