"""A wallet in a file, in the format of `solana-keygen`, and what it is given to start with."""

from __future__ import annotations

import json
import os
from pathlib import Path

from solders.keypair import Keypair


class WalletError(Exception):
    """The file cannot be used. The message says why."""


def wallet(path: Path) -> Keypair:
    """The key in a file, which is made, readable by its owner only, if there is none. Raises `WalletError`."""
    try:
        return _read(path) if path.exists() else _create(path)
    except OSError as error:
        raise WalletError(f"cannot use the wallet {path}: {error.strerror}") from None


def _read(path: Path) -> Keypair:
    try:
        return Keypair.from_bytes(bytes(json.loads(path.read_text())))
    except (ValueError, TypeError):
        raise WalletError(f"expected the 64 numbers of a key in {path}, as solana-keygen writes them") from None


def _create(path: Path) -> Keypair:
    keypair = Keypair()
    path.parent.mkdir(parents=True, exist_ok=True)
    # A process that is killed must not leave half a key.
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(list(bytes(keypair)), file)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    return keypair
