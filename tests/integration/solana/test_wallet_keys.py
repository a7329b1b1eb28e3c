"""A wallet whose key is in a file, a secret or KMS, and a node whose URL is a secret, as the functions use them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from localnet.commands import call
from order_engine.domain.errors import ChainRefused, EngineError, VenueUnavailable
from order_engine.domain.quotes import Quote
from order_engine.solana.addresses import encode
from order_engine.solana.chain import SolanaChain
from order_engine.solana.pool_source import SolanaPools
from order_engine.storage.database import Database
from order_engine.storage.pools import PostgresPoolRegistry
from tests.support.deployments import LOCALNET
from tests.support.functions import new_environment
from tests.support.network import closed_port
from tests.support.solana_trader import Trader, pools_of
from tests.support.wallet_keys import WalletKeys, wallet_keys

KMS = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:orders/wallet-AbCdEf"
NODE = "arn:aws:secretsmanager:us-east-1:123456789012:secret:orders/node-GhIjKl"
POOL = pools_of("SOL", "USDC")["raydium_cp"]

KEY, OTHER_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([first]) * 32) for first in (1, 2))
WALLET = encode(KEY.public_key().public_bytes_raw())

Build = Callable[..., SolanaChain]


def solana_keygen(key: Ed25519PrivateKey) -> str:
    """The text of a file of solana-keygen's."""
    return json.dumps([*key.private_bytes_raw(), *key.public_key().public_bytes_raw()])


@pytest.fixture
def aws() -> Iterator[WalletKeys]:
    with wallet_keys() as aws:
        yield aws


@pytest.fixture
def quote(url: str, database: Database) -> Quote:
    call(url, "localnet_airdrop", WALLET, 10**10, "SOL")
    trader = Trader(url)
    PostgresPoolRegistry(database, "localnet").add(SolanaPools(trader.rpc, LOCALNET).check(POOL))
    return trader.quote("SOL", "USDC", 10**9, [POOL])


@pytest.fixture
def chain(url: str, aws: WalletKeys, environment: dict[str, str]) -> Iterator[Build]:
    """Makes the chain in a new environment of a function."""
    wallet = {
        "AWS_ENDPOINT_URL": aws.url,
        "SOLANA_CLUSTER": "localnet",
        "WALLET_ADDRESS": WALLET,
        "MAX_PRIORITY_FEE_LAMPORTS": "0",
    }
    with new_environment({**environment, **wallet}), pytest.MonkeyPatch.context() as patch:

        def chain(wallet_key: str, rpc_url: str = url) -> SolanaChain:
            patch.setenv("WALLET_KEY", wallet_key)
            patch.setenv("SOLANA_RPC_URL", rpc_url)
            from order_engine.bootstrap import solana

            return solana.chain()

        yield chain


def is_executed(chain: SolanaChain, quote: Quote) -> bool:
    transaction = chain.build(quote, quote.amount_out, uuid4())
    chain.submit(transaction)
    fill = chain.confirm(transaction)
    return fill is not None and fill.amount_out == quote.amount_out


def test_an_order_is_signed_by_a_key_in_a_file(chain: Build, quote: Quote, aws: WalletKeys, tmp_path: Path) -> None:
    file = tmp_path / "id.json"
    file.touch(0o600)
    file.write_text(solana_keygen(KEY))
    assert is_executed(chain(str(file)), quote)
    assert aws.called == []


def test_orders_are_signed_by_a_key_in_a_secret_that_is_read_once(chain: Build, quote: Quote, aws: WalletKeys) -> None:
    aws.secrets[SECRET] = solana_keygen(KEY)
    assert is_executed(chain(SECRET), quote)
    chain(SECRET).build(quote, 1, uuid4())
    assert aws.called == [("GetSecretValue", SECRET)]


def test_each_order_is_signed_by_a_key_in_kms_with_one_call(chain: Build, quote: Quote, aws: WalletKeys) -> None:
    aws.keys[KMS] = KEY
    assert is_executed(chain(KMS), quote)
    assert aws.called == [("Sign", KMS)]


def test_the_url_of_a_node_is_a_secret_that_is_read_once(chain: Build, quote: Quote, url: str, aws: WalletKeys) -> None:
    aws.keys[KMS], aws.secrets[NODE] = KEY, url
    assert is_executed(chain(KMS, NODE), quote)
    assert aws.called == [("GetSecretValue", NODE), ("Sign", KMS)]


@pytest.mark.parametrize(
    ("wallet_key", "message"),
    [
        (SECRET, f"expected the key of wallet {WALLET}, was that of "),
        (KMS, f"expected the signature of wallet {WALLET}, was that of another key"),
    ],
    ids=["a secret", "KMS"],
)
def test_the_key_of_another_wallet_is_refused_before_anything_is_sent(
    chain: Build, quote: Quote, aws: WalletKeys, wallet_key: str, message: str
) -> None:
    aws.keys[KMS], aws.secrets[SECRET] = OTHER_KEY, solana_keygen(OTHER_KEY)
    with pytest.raises(ChainRefused, match=message):
        chain(wallet_key).build(quote, 1, uuid4())


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        (None, 0o600, "No such file or directory"),
        (solana_keygen(KEY), 0o644, "to be usable by its owner only, was mode 644"),
        ("[1, 2, 3]", 0o600, "expected a key of 64 bytes, was 3 bytes"),
    ],
    ids=["missing", "readable by others", "no key"],
)
def test_a_file_without_a_usable_key_is_named_in_the_log_only(
    chain: Build,
    quote: Quote,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    text: str | None,
    mode: int,
    reason: str,
) -> None:
    file = tmp_path / "id.json"
    if text is not None:
        file.touch(mode)
        file.write_text(text)
    assert_refused_without_its_place(chain(str(file)), quote, caplog, str(file), reason)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [("no key", "to be an array of 64 numbers from 0 to 255"), (b"bytes", "to hold text, was bytes")],
    ids=["no key", "bytes"],
)
def test_a_secret_without_a_usable_key_is_named_in_the_log_only(
    chain: Build,
    quote: Quote,
    aws: WalletKeys,
    caplog: pytest.LogCaptureFixture,
    secret: str | bytes,
    reason: str,
) -> None:
    aws.secrets[SECRET] = secret
    assert_refused_without_its_place(chain(SECRET), quote, caplog, SECRET, reason)


def assert_refused_without_its_place(
    chain: SolanaChain, quote: Quote, caplog: pytest.LogCaptureFixture, place: str, reason: str
) -> None:
    with pytest.raises(ChainRefused) as refused:
        chain.build(quote, 1, uuid4())
    assert str(refused.value) == f"expected a readable key of wallet {WALLET}, was none: the engine's log says why"
    assert place in caplog.text
    assert reason in caplog.text


@pytest.mark.parametrize(
    ("wallet_key", "operation"), [(SECRET, "GetSecretValue"), (KMS, "Sign")], ids=["a secret", "KMS"]
)
def test_a_key_that_the_function_may_not_use_is_named_in_the_log_only(
    chain: Build, quote: Quote, caplog: pytest.LogCaptureFixture, wallet_key: str, operation: str
) -> None:
    with pytest.raises(VenueUnavailable) as refused:
        chain(wallet_key).build(quote, 1, uuid4())
    assert str(refused.value) == "expected an answer of AWS's key services, was none: the engine's log says why"
    assert re.search(f"{wallet_key}: .*AccessDenied.* not authorized to perform {operation}", caplog.text)


def test_what_a_node_refuses_does_not_show_its_url(
    chain: Build, quote: Quote, aws: WalletKeys, caplog: pytest.LogCaptureFixture
) -> None:
    with closed_port() as port:
        aws.secrets[NODE] = f"http://127.0.0.1:{port}/v2/0123456789abcdef?api-key=fedcba9876543210"
        with pytest.raises(EngineError) as refused:
            chain(KMS, NODE).build(quote, 1, uuid4())
    shown = str(refused.value) + caplog.text
    assert f"127.0.0.1:{port}" in shown
    assert "0123456789abcdef" not in shown
    assert "fedcba9876543210" not in shown
