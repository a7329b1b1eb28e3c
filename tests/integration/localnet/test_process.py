"""`python -m localnet`: it starts, is killed and starts again, and its commands speak to it."""

from __future__ import annotations

import base64
import signal
import time
from pathlib import Path

import pytest
from solders.hash import Hash
from solders.pubkey import Pubkey

from localnet.addresses import MEMO
from localnet.market.tokens import TOKENS
from localnet.runtime import Runtime
from localnet.tokens import associated_token_account
from localnet.wallet import wallet
from tests.support.localnet import SOL, payment
from tests.support.localnet_process import LocalnetProcess, localnet_command, localnet_process

QUIET = ("--no-market", "--instant")
CONFIRMED = {"commitment": "confirmed"}


def pay(localnet: LocalnetProcess, path: Path, to: Pubkey, lamports: int) -> str:
    """Sends from the wallet in a file. Returns the signature."""
    blockhash = Hash.from_string(localnet("getLatestBlockhash", {"commitment": "processed"})["value"]["blockhash"])
    transaction = base64.b64encode(bytes(payment(wallet(path), to, lamports, blockhash))).decode()
    signature: str = localnet("sendTransaction", transaction, {"encoding": "base64", "skipPreflight": True})
    return signature


def test_it_prints_its_url_first_and_stops_when_it_is_told(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        localnet = LocalnetProcess(tmp_path / "data", *QUIET)
        assert localnet.url.startswith("http://127.0.0.1:")
        assert localnet("getHealth") == "ok"
        assert localnet.stop(number) == (0, f"Programs: stand-ins. Data: {tmp_path / 'data'}.\n", "")


def test_at_every_address_it_prints_the_url_of_loopback(tmp_path: Path) -> None:
    with localnet_process(tmp_path / "data", *QUIET, "--host", "0.0.0.0") as localnet:
        assert localnet.url.startswith("http://127.0.0.1:")
        assert localnet("getHealth") == "ok"


def test_a_wallet_is_made_and_funded_once(tmp_path: Path) -> None:
    path = tmp_path / "wallet.json"
    for _ in range(2):
        with localnet_process(tmp_path / "data", *QUIET, "--wallet", str(path)) as localnet:
            address = wallet(path).pubkey()
            assert localnet("getBalance", str(address), CONFIRMED)["value"] == 100 * SOL
            for symbol, amount in (("USDC", 100_000 * 10**6), ("BONK", 10**9 * 10**5), ("mSOL", 500 * 10**9)):
                account = str(associated_token_account(address, TOKENS[symbol].mint))
                balance = localnet("getTokenAccountBalance", account, CONFIRMED)["value"]
                assert int(balance["amount"]) == amount
            assert localnet.stop()[1].endswith(f"Wallet: {address} in {path}.\n")


def test_what_was_confirmed_survives_a_kill(tmp_path: Path) -> None:
    data, path, to = tmp_path / "data", tmp_path / "wallet.json", Pubkey.new_unique()
    localnet = LocalnetProcess(data, "--no-market", "--wallet", str(path))
    genesis = localnet("getGenesisHash")
    signature = pay(localnet, path, to, SOL)
    while (status := localnet("getSignatureStatuses", [signature])["value"][0])["confirmationStatus"] == "processed":
        time.sleep(0.05)
    assert status["confirmationStatus"] == "confirmed"
    localnet.stop(signal.SIGKILL)

    with localnet_process(data, "--no-market", "--wallet", str(path)) as again:
        assert again("getGenesisHash") == genesis
        assert again("getSignatureStatuses", [signature])["value"][0]["err"] is None
        assert again("getBalance", str(to), CONFIRMED)["value"] == SOL


def test_slots_pass_every_400_ms(tmp_path: Path) -> None:
    with localnet_process(tmp_path, "--no-market") as localnet:
        before, start = localnet("getSlot", {"commitment": "processed"}), time.monotonic()
        time.sleep(2)
        slots, seconds = localnet("getSlot", {"commitment": "processed"}) - before, time.monotonic() - start
        assert seconds / 0.8 < slots < seconds / 0.4 + 2  # a busy machine is late


def test_other_traders_move_the_market(tmp_path: Path) -> None:
    with localnet_process(tmp_path, "--instant") as localnet:
        localnet("localnet_advance", 40)
        assert localnet("getEpochInfo")["transactionCount"] > 5
    with localnet_process(tmp_path / "still", "--instant", "--still") as localnet:
        localnet("localnet_advance", 40)
        assert localnet("getEpochInfo")["transactionCount"] == 0


def test_the_commands_speak_to_it(tmp_path: Path) -> None:
    with localnet_process(tmp_path, *QUIET) as localnet:
        owner = Pubkey.new_unique()

        def run(*arguments: str) -> str:
            done = localnet_command(*arguments, "--url", localnet.url)
            assert (done.returncode, done.stderr) == (0, "")
            return done.stdout

        signature = run("airdrop", str(owner), "1.5").strip()
        assert localnet("getSignatureStatuses", [signature])["value"][0]["err"] is None
        assert localnet("getBalance", str(owner), CONFIRMED)["value"] == 3 * SOL // 2
        run("airdrop", str(owner), "0.000001", "USDC")
        account = str(associated_token_account(owner, TOKENS["USDC"].mint))
        assert localnet("getTokenAccountBalance", account, CONFIRMED)["value"]["amount"] == "1"
        assert run("faults") == "no faults\n"
        run("fault", "drop", "--times", "3")
        assert run("fault", "lag", "--percent", "20", "--slots", "7") == (
            "drop --times 3 --percent 100 --slots 10\nlag --percent 20 --slots 7\n"
        )
        assert run("clear") == "no faults\n"
        slot = localnet("getSlot", {"commitment": "processed"})
        assert run("advance", "5") == f"{slot + 5}\n"


def test_a_command_without_a_localnet_fails() -> None:
    done = localnet_command("faults", "--url", "http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("localnet: no localnet answers at http://127.0.0.1:9 (")


def test_a_command_that_is_refused_says_why(tmp_path: Path) -> None:
    owner = str(Pubkey.new_unique())
    with localnet_process(tmp_path, *QUIET) as localnet:
        for arguments, message in (
            (("nobody", "1"), "Invalid param: expected an address"),
            ((owner, "1", "DOGE"), "expected one of SOL, USDC, USDT, RAY, BONK, JUP, mSOL, was 'DOGE'"),
            ((owner, "0"), "expected an amount above zero with at most 9 decimals, was '0'"),
        ):
            done = localnet_command("airdrop", *arguments, "--url", localnet.url)
            assert (done.returncode, done.stdout) == (1, "")
            assert f"localnet: {message}" in done.stderr


def test_a_second_one_is_refused(tmp_path: Path) -> None:
    with localnet_process(tmp_path / "data", *QUIET) as localnet:
        port = localnet.url.rpartition(":")[2]
        data = localnet_command("up", "--port", "0", "--data", str(tmp_path / "data"))
        assert (data.returncode, data.stdout) == (1, "")
        assert data.stderr == f"localnet: cannot use {tmp_path / 'data'}: another localnet runs on it\n"
        taken = localnet_command("up", "--port", port, "--data", str(tmp_path / "other"))
        assert (taken.returncode, taken.stdout) == (1, "")
        assert taken.stderr.startswith(f"localnet: port {port} at 127.0.0.1 is not free (")
        assert localnet("getHealth") == "ok"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "99999"], "expected a port from 0 to 65535, was 99999"),
        (["--programs", "nowhere"], "localnet: expected programs as ID.so in nowhere, found none"),
        (["--wallet", "/dev/null"], "localnet: expected the 64 numbers of a key in /dev/null"),
        (["--slow"], "unrecognized arguments: --slow"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, options: list[str], message: str) -> None:
    done = localnet_command("up", "--port", "0", "--data", str(tmp_path), *options)
    assert done.returncode != 0
    assert message in done.stderr


def test_a_program_is_loaded_in_place_of_the_stand_ins(tmp_path: Path) -> None:
    """Any program will do: here the memo program, under another address."""
    folder, address = tmp_path / "programs", Pubkey.new_unique()
    folder.mkdir()
    memo = Runtime({}).get(MEMO)
    assert memo is not None
    (folder / f"{address}.so").write_bytes(memo.data)
    with localnet_process(tmp_path / "data", "--instant", "--still", "--programs", str(folder)) as localnet:
        assert localnet("getAccountInfo", str(address), {"encoding": "base64", **CONFIRMED})["value"]["executable"]
        assert localnet.stop()[1].startswith(f"Programs: {address}. Data:")
    (folder / f"{address}.so").write_bytes(b"nonsense")
    done = localnet_command("up", "--port", "0", "--data", str(tmp_path / "other"), "--programs", str(folder))
    assert "localnet: expected a program in a file that its address names" in done.stderr
