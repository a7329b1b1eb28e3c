from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from order_engine.domain.errors import VenueUnavailable
from order_engine.solana.addresses import SIGNATURE_BYTES, encode
from order_engine.solana.signing import Keypair, KmsSigner, WalletKeyError

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


class Timeout(Exception):
    """The SDK's error when AWS does not answer."""


class Secrets:
    """A Secrets Manager with one secret; without one, it does not answer."""

    def __init__(self, secret: dict[str, Any] | None) -> None:
        self._secret = secret

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        assert request == {"SecretId": "wallet"}
        if self._secret is None:
            raise Timeout("read timeout")
        return self._secret


def from_secret(secret: dict[str, Any] | None) -> Keypair:
    return Keypair.from_secret(Secrets(secret), "wallet", (Timeout,))


def test_a_secret_signs() -> None:
    keypair = from_secret({"SecretString": json.dumps(list(KEY))})
    assert keypair.sign(MESSAGE) == PRIVATE.sign(MESSAGE)


@pytest.mark.parametrize("secret", [{}, {"SecretBinary": bytes(64)}, {"SecretString": ""}])
def test_a_secret_without_a_key_is_refused(secret: dict[str, Any]) -> None:
    with pytest.raises(WalletKeyError, match="expected the secret wallet to be an array of 64 numbers"):
        from_secret(secret)


def test_a_secret_that_is_not_served_is_a_reason_to_try_again() -> None:
    with pytest.raises(VenueUnavailable, match="AWS does not serve the wallet's key: read timeout"):
        from_secret(None)


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


def der(public_key: Any) -> bytes:
    """A public key as KMS gives it."""
    found: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found


class Kms:
    """A KMS with one key."""

    def __init__(self, public_key: bytes, key_spec: str = "ECC_NIST_EDWARDS25519", signature_bytes: int = 64) -> None:
        self._public_key = {"PublicKey": public_key, "KeySpec": key_spec}
        self._signature_bytes = signature_bytes
        self.answers = True

    def get_public_key(self, **request: Any) -> dict[str, Any]:
        self._serve(request.pop("KeyId"))
        assert request == {}
        return self._public_key

    def sign(self, **request: Any) -> dict[str, Any]:
        self._serve(request.pop("KeyId"))
        signature = PRIVATE.sign(request.pop("Message"))
        assert request == {"MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512"}
        return {"Signature": signature[: self._signature_bytes]}

    def _serve(self, key_id: str) -> None:
        assert key_id == "alias/wallet"
        if not self.answers:
            raise Timeout("read timeout")


def signer(kms: Kms) -> KmsSigner:
    return KmsSigner(kms, "alias/wallet", (Timeout,))


def test_a_key_in_kms_signs() -> None:
    wallet = signer(Kms(der(PRIVATE.public_key())))
    assert wallet.address == KEY[32:]
    PRIVATE.public_key().verify(wallet.sign(MESSAGE), MESSAGE)


@pytest.mark.parametrize(
    ("public_key", "key_spec"),
    [
        (der(ec.generate_private_key(ec.SECP256R1()).public_key()), "ECC_NIST_P256"),
        (der(x25519.X25519PrivateKey.generate().public_key()), "X25519"),
        (der(PRIVATE.public_key())[:-1], "ECC_NIST_EDWARDS25519"),
        (der(PRIVATE.public_key()) + b"\0", "ECC_NIST_EDWARDS25519"),
        (b"", "ECC_NIST_EDWARDS25519"),
    ],
)
def test_a_key_in_kms_that_is_not_of_ed25519_is_refused(public_key: bytes, key_spec: str) -> None:
    with pytest.raises(WalletKeyError, match=f"expected alias/wallet to be a key of ECC_NIST_EDWARDS25519.*{key_spec}"):
        signer(Kms(public_key, key_spec))


def test_a_signature_of_another_length_is_refused() -> None:
    wallet = signer(Kms(der(PRIVATE.public_key()), signature_bytes=63))
    with pytest.raises(WalletKeyError, match=f"expected a signature of {SIGNATURE_BYTES} bytes, was 63 bytes"):
        wallet.sign(MESSAGE)


def test_a_key_in_kms_that_is_not_served_is_a_reason_to_try_again() -> None:
    kms = Kms(der(PRIVATE.public_key()))
    wallet = signer(kms)
    kms.answers = False
    with pytest.raises(VenueUnavailable, match="AWS does not serve the wallet's key: read timeout"):
        wallet.sign(MESSAGE)
    with pytest.raises(VenueUnavailable, match="AWS does not serve"):
        signer(kms)
