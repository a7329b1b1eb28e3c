from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.emulator.lambda_service import HANDLER


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text(HANDLER)
    return folder
