from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from order_engine.domain.errors import ChainRefused, VenueUnavailable
from order_engine.solana.addresses import encode
from order_engine.solana.signing import Keypair, RemoteSigner, WalletKeyError

PRIVATE = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = PRIVATE.private_bytes_raw() + PRIVATE.public_key().public_bytes_raw()
OTHER_KEY = bytes(32) + KEY[32:]
MESSAGE = b"\x80 a message"


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "id.json"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_of_solana_keygens_signs(tmp_path: Path) -> None:
    keypair = Keypair.from_file(written(tmp_path, json.dumps(list(KEY)) + "\n", mode=0o400))
    assert keypair.address == KEY[32:]
    PRIVATE.public_key().verify(keypair.sign(MESSAGE), MESSAGE)


def test_a_secret_signs() -> None:
    keypair = Keypair.from_secret(json.dumps(list(KEY)), "wallet")
    assert keypair.address == KEY[32:]
    assert keypair.sign(MESSAGE) == PRIVATE.sign(MESSAGE)


@pytest.mark.parametrize("text", ["", encode(KEY), json.dumps({"key": list(KEY)})])
def test_a_secret_without_a_key_is_refused(text: str) -> None:
    with pytest.raises(WalletKeyError, match="expected the secret wallet to be an array of 64 numbers"):
        Keypair.from_secret(text, "wallet")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "to be an array of 64 numbers from 0 to 255"),
        ("secret", "to be an array of 64 numbers from 0 to 255"),
        ("\xff", "to be an array of 64 numbers from 0 to 255"),
        ("[" * 100_000, "to be an array of 64 numbers from 0 to 255"),
        ('{"key": 1}', "to be an array of 64 numbers from 0 to 255"),
        (json.dumps([*KEY[:63], 256]), "to be an array of 64 numbers from 0 to 255"),
        (json.dumps([*KEY[:63], -1]), "to be an array of 64 numbers from 0 to 255"),
        (json.dumps([*KEY[:63], 1.0]), "to be an array of 64 numbers from 0 to 255"),
        (json.dumps([*KEY[:63], True]), "to be an array of 64 numbers from 0 to 255"),
        (json.dumps(encode(KEY)), "to be an array of 64 numbers from 0 to 255"),
        (json.dumps(list(KEY[:32])), "expected a key of 64 bytes, was 32 bytes"),
        (json.dumps([*KEY, 0]), "expected a key of 64 bytes, was 65 bytes"),
        (json.dumps(list(OTHER_KEY)), "expected a key whose public half belongs to its private one"),
    ],
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(WalletKeyError, match=complaint) as refused:
        Keypair.from_file(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, json.dumps(list(KEY)), mode)
    with pytest.raises(WalletKeyError, match=f"{path} to be usable by its owner only, was mode {mode:o}"):
        Keypair.from_file(path)


def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WalletKeyError, match=f"expected a key in the file {tmp_path}/none, was No such file"):
        Keypair.from_file(tmp_path / "none")
    with pytest.raises(WalletKeyError, match=f"expected a key in the file {tmp_path}, was Is a directory"):
        Keypair.from_file(tmp_path)


def test_no_text_about_a_key_contains_it(tmp_path: Path) -> None:
    keypair = Keypair(KEY)
    assert repr(keypair) == f"Keypair({encode(keypair.address)})"
    for contents in (json.dumps(list(OTHER_KEY)), json.dumps(list(KEY[:63])), json.dumps(list(KEY))[:-1]):
        with pytest.raises(WalletKeyError) as refused:
            Keypair.from_file(written(tmp_path, contents))
        error: BaseException | None = refused.value
        assert "[0, 1, 2" not in "".join(traceback.format_exception(error))
        while error:
            assert contents not in map(str, vars(error).values())
            error = error.__context__


def test_a_key_that_is_elsewhere_signs() -> None:
    wallet = RemoteSigner(KEY[32:], PRIVATE.sign)
    assert wallet.address == KEY[32:]
    assert wallet.sign(MESSAGE) == PRIVATE.sign(MESSAGE)


@pytest.mark.parametrize(
    "signature",
    [
        ed25519.Ed25519PrivateKey.generate().sign(MESSAGE),
        PRIVATE.sign(MESSAGE + b"!"),
        PRIVATE.sign(MESSAGE)[:-1],
        b"",
    ],
    ids=["another key's", "another message's", "too short", "none"],
)
def test_what_is_no_signature_of_the_wallets_is_refused(signature: bytes) -> None:
    wallet = RemoteSigner(KEY[32:], lambda message: signature)
    with pytest.raises(ChainRefused, match=f"expected the signature of wallet {encode(KEY[32:])}, was that of another"):
        wallet.sign(MESSAGE)


def test_a_key_that_is_not_served_is_a_reason_to_try_again() -> None:
    def unavailable(message: bytes) -> bytes:
        raise VenueUnavailable("AWS does not sign")

    with pytest.raises(VenueUnavailable, match="AWS does not sign"):
        RemoteSigner(KEY[32:], unavailable).sign(MESSAGE)
