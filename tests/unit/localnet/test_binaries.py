"""The binaries of the programs come from a cluster's JSON-RPC, or the command says why not."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from localnet.binaries import BinaryError, fetch_programs, is_recorded
from localnet.dex_programs import PROGRAMS, RAYDIUM_CLMM, RAYDIUM_CP, Program
from tests.support.http_server import serving
from tests.unit.localnet.programs.recordings import FOLDER

UPGRADEABLE = "BPFLoaderUpgradeab1e11111111111111111111111"
FINAL = "BPFLoader2111111111111111111111111111111111"
SLOT_AND_AUTHORITY = bytes(8) + b"\x01" + bytes(32)


class Cluster:
    """Answers getAccountInfo from `accounts`, unless `answer` is set."""

    def __init__(self) -> None:
        self.url = ""
        self.accounts: dict[str, tuple[str, bytes]] = {}
        self.answer: tuple[int, bytes] | None = None
        for program in PROGRAMS:
            self.deploy(program, binary(program))

    def deploy(self, program: Program, binary: bytes) -> None:
        holder = Pubkey(sha256(program.name.encode()).digest())
        self.accounts[str(program.id)] = UPGRADEABLE, (2).to_bytes(4, "little") + bytes(holder)
        self.accounts[str(holder)] = UPGRADEABLE, (3).to_bytes(4, "little") + SLOT_AND_AUTHORITY + binary

    def respond(self, request: dict[str, Any]) -> tuple[int, bytes]:
        if self.answer:
            return self.answer
        assert request["method"] == "getAccountInfo"
        found = self.accounts.get(request["params"][0])
        value = found and {"owner": found[0], "data": [b64encode(found[1]).decode(), "base64"], "executable": True}
        return 200, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": {"value": value}}).encode()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = Cluster()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = found.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as address:
        found.url = f"http://{address}/?api-key=secret"
        yield found


def binary(program: Program) -> bytes:
    return b"\x7fELF" + program.name.encode() * 1000


def test_each_program_is_in_a_file_that_its_id_names(cluster: Cluster, tmp_path: Path) -> None:
    said: list[str] = []
    fetch_programs(cluster.url, tmp_path / "programs", said.append)
    files = {path.name: path.read_bytes() for path in (tmp_path / "programs").iterdir()}
    assert files == {f"{program.id}.so": binary(program) for program in PROGRAMS}
    for program in PROGRAMS:
        assert f"  SHA-256  {sha256(binary(program)).hexdigest()}" in said
        assert f"  recorded {program.recorded_sha256}: another binary" in said


def test_a_program_that_can_not_be_upgraded_is_in_its_own_account(cluster: Cluster, tmp_path: Path) -> None:
    cluster.accounts[str(RAYDIUM_CLMM.id)] = FINAL, b"\x7fELF final"
    fetch_programs(cluster.url, tmp_path, lambda line: None)
    assert (tmp_path / f"{RAYDIUM_CLMM.id}.so").read_bytes() == b"\x7fELF final"


def test_zeros_after_the_recorded_binary_do_not_matter() -> None:
    own = b"\x7fELF own"
    program = RAYDIUM_CP._replace(recorded_bytes=len(own), recorded_sha256=sha256(own).hexdigest())
    assert is_recorded(program, own)
    assert is_recorded(program, own + bytes(1000))
    assert not is_recorded(program, own + bytes(1000) + b"\x01")
    assert not is_recorded(program, own[:-1])
    assert not is_recorded(program, b"\x7fELF OWN")


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.name for program in PROGRAMS])
def test_the_hashes_are_those_of_the_recordings(program: Program) -> None:
    meta = json.loads((FOLDER / f"{program.name}.json").read_bytes())["meta"]
    recorded = meta["program_id"], meta["binary"]["bytes"], meta["binary"]["sha256"]
    assert recorded == (str(program.id), program.recorded_bytes, program.recorded_sha256)


CLMM, HOLDER = str(RAYDIUM_CLMM.id), str(Pubkey(sha256(b"raydium_clmm").digest()))
DEPLOYED = (3).to_bytes(4, "little") + SLOT_AND_AUTHORITY


@pytest.mark.parametrize(
    ("key", "account", "message"),
    [
        (CLMM, None, f"expected the program raydium_clmm at {CLMM}, was no account: does 127.0.0.1:"),
        (CLMM, ("11111111111111111111111111111111", b""), "was an account of 1111"),
        (CLMM, (UPGRADEABLE, b"\x02\0\0\0short"), "was another account of the loader"),
        (CLMM, (UPGRADEABLE, bytes(36)), "was another account of the loader"),
        (CLMM, (FINAL, b"\x7fELv"), "expected an ELF file for raydium_clmm"),
        (HOLDER, None, f"expected the binary of raydium_clmm at {CLMM} in {HOLDER}, was none"),
        (HOLDER, (UPGRADEABLE, bytes(100)), "was none"),
        (HOLDER, (FINAL, DEPLOYED + b"\x7fELF"), "was none"),
        (HOLDER, (UPGRADEABLE, DEPLOYED), "was nothing"),
        (HOLDER, (UPGRADEABLE, DEPLOYED + bytes(50)), "was 00000000"),
    ],
)
def test_what_is_no_program_is_refused_and_nothing_written(
    cluster: Cluster, tmp_path: Path, key: str, account: tuple[str, bytes] | None, message: str
) -> None:
    if account is None:
        del cluster.accounts[key]
    else:
        cluster.accounts[key] = account
    with pytest.raises(BinaryError) as error:
        fetch_programs(cluster.url, tmp_path / "programs", lambda line: None)
    assert message in str(error.value)
    assert "secret" not in str(error.value)
    assert not (tmp_path / "programs").exists()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"<html>", "expected JSON-RPC at 127.0.0.1:"),
        (200, b"[]", "expected a result from 127.0.0.1:"),
        (200, b'{"error": {"code": -32601, "message": "Method not found"}}', "Method not found"),
        (200, b'{"result": null}', "was None"),
        (200, b'{"result": {"value": {"owner": "x", "data": "raw"}}}', "expected the account"),
        (200, b'{"result": {"value": {"owner": "x", "data": ["AA==", "base58"]}}}', "expected the account"),
        (200, b'{"result": {"value": {"owner": "x", "data": ["not base64!", "base64"]}}}', "expected the account"),
        (429, b"", "was 429"),
        (503, b"", "was 503"),
    ],
)
def test_nonsense_is_refused_by_name(cluster: Cluster, tmp_path: Path, status: int, body: bytes, message: str) -> None:
    cluster.answer = status, body
    with pytest.raises(BinaryError) as error:
        fetch_programs(cluster.url, tmp_path, lambda line: None)
    assert message in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "localhost:8899", "", "ftp://127.0.0.1"])
def test_only_http_is_asked(tmp_path: Path, url: str) -> None:
    with pytest.raises(BinaryError, match="expected an http or https URL"):
        fetch_programs(url, tmp_path, lambda line: None)


def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BinaryError, match="expected JSON-RPC at 127.0.0.1:1, was .*refused"):
        fetch_programs("http://127.0.0.1:1", tmp_path, lambda line: None)


def test_a_folder_that_can_not_be_written_is_an_error(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BinaryError, match="cannot write to"):
        fetch_programs(cluster.url, tmp_path / "file", lambda line: None)
