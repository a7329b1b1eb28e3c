"""The markets in which `make run` runs the engine."""

from __future__ import annotations

import json
import os
import shlex
import struct
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from localnet.market import LOOKUP_TABLE
from order_engine.domain.tokens import SPL_TOKEN
from order_engine.solana.addresses import associated_token_account, encode
from order_engine.solana.signing import Keypair, WalletKeyError
from tests.support.solana_node import GENESIS_HASH, FakeNode, fake_node
from tests.support.stack import ROOT
from tools.run import RunError, console, on_cluster, on_localnet

MAINNET = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
DEVNET = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
SYSTEM = "11111111111111111111111111111111"
API_KEY = "0123456789abcdef"
NOTHING_STARTED = "make run: nothing was started\n"
NOT_SET = "emulator: expected the environment variable 'NOT_SET', which --parameter-from names, was none\n"
"""What the emulator says when it was started to no purpose."""


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    path = tmp_path / "id.json"
    Keypair.create(path)
    return path


def address(wallet: Path) -> str:
    return encode(Keypair.from_file(wallet).address)


def answer_as(node: FakeNode, genesis_hash: str) -> None:
    """Makes the node one of that cluster, where each wallet has 12.5 SOL and nothing else."""

    def accounts(addresses: list[str], options: dict[str, Any]) -> dict[str, Any]:
        held = {"owner": SYSTEM, "lamports": 12_500_000_000, "data": ["", "base64"]}
        return {"context": {"slot": 7}, "value": [held, *[None] * (len(addresses) - 1)]}

    node.results |= {"getGenesisHash": genesis_hash, "getMultipleAccounts": accounts}
    node.results["getTokenAccountsByOwner"] = {"context": {"slot": 7}, "value": []}


def parameters(options: list[str]) -> dict[str, str]:
    given = [option.removeprefix("--parameter=") for option in options if option.startswith("--parameter=")]
    return dict(pair.split("=", 1) for pair in given)


def test_a_localnet_has_a_wallet_that_is_made_once(tmp_path: Path) -> None:
    data = tmp_path / "with a space"
    first = on_localnet(data, None, None, 18899)
    wallet = data / "wallet.json"
    assert wallet.stat().st_mode & 0o777 == 0o600
    assert parameters(first) == {
        "LookupTables": str(LOOKUP_TABLE),
        "SolanaCluster": "localnet", "WalletKey": str(wallet), "WalletAddress": address(wallet),
        "ShownExplorer": f"http://127.0.0.1:18899/address/{address(wallet)}",
    }  # fmt: skip
    assert on_localnet(data, None, None, 18899) == first


def test_a_localnet_is_started_beside_the_engine(tmp_path: Path, wallet: Path) -> None:
    options = on_localnet(tmp_path, str(wallet), Path("programs"), 18899)
    assert options[0] == "--process"
    name, _, command = options[1].partition("=")
    assert name == "SolanaRpcUrl"
    words = shlex.split(command)
    assert words[0] == "env"
    assert words[2:] == [
        *(sys.executable, "-m", "localnet", "up", "--port", "18899", "--data", str(tmp_path / "localnet")),
        *("--wallet", str(wallet), "--programs", str(Path.cwd() / "programs")),
    ]


def test_a_wallet_that_others_can_read_is_refused(tmp_path: Path, wallet: Path) -> None:
    wallet.chmod(0o644)
    with pytest.raises(WalletKeyError, match="usable by its owner only, was mode 644"):
        on_localnet(tmp_path, str(wallet), None, 18899)


def test_the_cluster_is_the_one_of_the_node(wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fake_node() as node:
        answer_as(node, DEVNET)
        options = on_cluster({"SOLANA_RPC_URL": f"{node.url}/{API_KEY}"}, str(wallet), yes=False)
    # The URL is a secret, and command lines are public.
    assert options[:2] == ["--parameter-from", "SolanaRpcUrl=SOLANA_RPC_URL"]
    assert parameters(options) == {
        "SolanaCluster": "devnet", "WalletKey": str(wallet), "WalletAddress": address(wallet),
        "ShownExplorer": f"https://explorer.solana.com/address/{address(wallet)}?cluster=devnet",
    }  # fmt: skip
    told = capsys.readouterr().err
    assert told == (f"Orders trade on Devnet, from the wallet {address(wallet)} ({wallet}), which holds 12.5 SOL.\n")


def test_a_token_without_a_symbol_is_shown_by_its_mint(wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    owner, mint = Keypair.from_file(wallet).address, bytes([8] * 32)
    account = b64encode(struct.pack("<32s32sQ36xB56x", mint, owner, 12_345, 1)).decode()
    found = b64encode(struct.pack("<36xQBB36x", 20_000, 4, 1)).decode()
    with fake_node() as node:
        answer_as(node, DEVNET)
        accounts = node.results["getMultipleAccounts"]

        def with_mint(addresses: list[str], options: dict[str, Any]) -> dict[str, Any]:
            if addresses != [encode(mint)]:
                return dict(accounts(addresses, options))
            return {"context": {"slot": 7}, "value": [{"owner": SPL_TOKEN, "lamports": 1, "data": [found, "base64"]}]}

        def held(_: str, wanted: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
            data = {"owner": SPL_TOKEN, "lamports": 1, "data": [account, "base64"]}
            key = encode(associated_token_account(owner, mint))
            listed = [{"pubkey": key, "account": data}] if wanted["programId"] == SPL_TOKEN else []
            return {"context": {"slot": 7}, "value": listed}

        node.results |= {"getMultipleAccounts": with_mint, "getTokenAccountsByOwner": held}
        on_cluster({"SOLANA_RPC_URL": node.url}, str(wallet), yes=False)
    assert capsys.readouterr().err.endswith(f"which holds 12.5 SOL, 1.2345 {encode(mint)}.\n")


def test_the_wallet_may_be_in_the_users_home(wallet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(wallet.parent))
    with fake_node() as node:
        answer_as(node, DEVNET)
        options = on_cluster({"SOLANA_RPC_URL": node.url}, "~/id.json", yes=False)
    assert parameters(options)["WalletKey"] == str(wallet)


def test_a_private_cluster_is_a_localnet_of_this_machine_only(wallet: Path) -> None:
    with fake_node() as node:
        answer_as(node, GENESIS_HASH)
        options = on_cluster({"SOLANA_RPC_URL": node.url}, str(wallet), yes=False)
        assert parameters(options)["SolanaCluster"] == "localnet"
        # This address reaches the same node, but says nothing of where it is.
        elsewhere = node.url.replace("127.0.0.1", "0.0.0.0")
        with pytest.raises(RunError, match="expected a node of Devnet, Testnet or Mainnet, or .*, was 0.0.0.0"):
            on_cluster({"SOLANA_RPC_URL": f"{elsewhere}/{API_KEY}"}, str(wallet), yes=True)


@pytest.mark.parametrize("url", [None, ""])
def test_a_cluster_needs_a_node(url: str | None) -> None:
    with pytest.raises(RunError, match="expected SOLANA_RPC_URL, the URL of a node"):
        on_cluster({} if url is None else {"SOLANA_RPC_URL": url}, "id.json", yes=True)


@pytest.mark.parametrize("cluster", [DEVNET, MAINNET])
def test_without_a_wallet_only_clients_sign(cluster: str, capsys: pytest.CaptureFixture[str]) -> None:
    with fake_node() as node:
        answer_as(node, cluster)
        options = on_cluster({"SOLANA_RPC_URL": node.url}, None, yes=False)
    assert options[:2] == ["--parameter-from", "SolanaRpcUrl=SOLANA_RPC_URL"]
    assert parameters(options) == {"SolanaCluster": {DEVNET: "devnet", MAINNET: "mainnet-beta"}[cluster]}
    assert "from the wallets of clients" in capsys.readouterr().err


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "tools.run", "--data", "unused", *options],
        cwd=ROOT, env=run_environment(**environment), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def run_environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": "layers/common:client", **more}


def test_real_money_needs_a_yes(wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fake_node() as node:
        answer_as(node, MAINNET)
        options = on_cluster({"SOLANA_RPC_URL": node.url}, str(wallet), yes=True)
        assert parameters(options)["SolanaCluster"] == "mainnet-beta"
        assert "REAL MONEY" in capsys.readouterr().err

        # WHEN there is no terminal
        ended = run("--market", "cluster", "--wallet", str(wallet), SOLANA_RPC_URL=f"{node.url}/{API_KEY}")
    assert ended.returncode == 1
    assert ended.stderr.endswith(
        "make run: expected YES=1, because there is no terminal on which to ask about real money\n"
    )
    assert "which holds 12.5 SOL" in ended.stderr
    assert API_KEY not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("reply", "message"),
    [("yes", NOTHING_STARTED), ("", NOTHING_STARTED), ("no", NOTHING_STARTED), ("YES", NOT_SET)],
)
def test_only_the_word_yes_starts_with_real_money(wallet: Path, reply: str, message: str) -> None:
    options = ("--market", "cluster", "--wallet", str(wallet), "--parameter-from", "Secret=NOT_SET")
    ours, its = os.openpty()
    with fake_node() as node:
        answer_as(node, MAINNET)
        with subprocess.Popen(
            [sys.executable, "-m", "tools.run", "--data", "unused", *options],
            cwd=ROOT, env=run_environment(SOLANA_RPC_URL=node.url),
            stdin=its, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as command:  # fmt: skip
            os.close(its)
            os.write(ours, f"{reply}\n".encode())
            _, shown = command.communicate(timeout=60)
            os.close(ours)
    assert command.returncode == 1
    assert shown.endswith(f"Type YES to go on: {message}")


def test_an_unknown_market_is_refused() -> None:
    ended = run("--market", "devnet")
    assert (ended.returncode, ended.stderr) == (
        1, "make run: expected MARKET to be one of localnet, cluster, simulated, was 'devnet'\n"
    )  # fmt: skip


def test_a_node_that_does_not_answer_is_named_without_its_key(wallet: Path) -> None:
    with fake_node() as node:
        url, host = f"{node.url}/{API_KEY}", node.host
    ended = run("--market", "cluster", "--wallet", str(wallet), SOLANA_RPC_URL=url)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"make run: getGenesisHash: {host}: expected an answer")
    assert API_KEY not in ended.stderr


def test_the_dashboard_links_to_a_console_at_a_known_port_only() -> None:
    assert parameters(console(4566)) == {"ExecutionsUrl": "http://127.0.0.1:4566/_emulator/#/executions?find="}
    assert console(0) == ["--aws-port", "0"]


def test_what_the_launcher_does_not_know_is_an_option_of_the_emulator() -> None:
    ended = run("--market", "simulated", "--parameter-from", "Secret=NOT_SET")
    assert (ended.returncode, ended.stderr) == (1, NOT_SET)


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "order_engine.commands.wallet", *map(str, arguments)],
        env={"PYTHONPATH": str(ROOT / "layers/common")}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_wallet_is_created_once_and_tells_its_address(tmp_path: Path) -> None:
    path = tmp_path / "id.json"
    created = command("create", path)
    assert (created.returncode, created.stdout.strip()) == (0, address(path))
    assert len(json.loads(path.read_text())) == 64
    assert command("address", path).stdout == created.stdout

    # An existing key is never overwritten.
    before = path.read_bytes()
    again = command("create", path)
    assert (again.returncode, again.stderr) == (1, f"expected to create the key file {path}, was File exists\n")
    assert path.read_bytes() == before


def test_the_address_of_no_key_is_refused(tmp_path: Path) -> None:
    refused = command("address", tmp_path)
    assert (refused.returncode, refused.stderr) == (1, f"expected a key in the file {tmp_path}, was Is a directory\n")
