"""A wallet's file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from localnet.wallet import WalletError, wallet


def test_a_wallet_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "id.json"
    made = wallet(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == list(bytes(made))
    assert wallet(path) == made
    assert [each.name for each in path.parent.iterdir()] == ["id.json"]


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]", '"text"', "[300]", "[null]", json.dumps([1] * 64)])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "id.json"
    path.write_text(text)
    with pytest.raises(WalletError, match="expected the 64 numbers of a key"):
        wallet(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match="cannot use the wallet"):
        wallet(tmp_path)
