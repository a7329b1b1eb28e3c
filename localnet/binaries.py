"""Fetches the binaries of the five programs from a cluster, so that the localnet can run them."""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from solders.pubkey import Pubkey

from localnet.dex_programs import PROGRAMS, Program

MAINNET = "https://api.mainnet-beta.solana.com"

_SECONDS = 60.0
_MOST_BYTES = 64 << 20
_FINAL_LOADER = "BPFLoader2111111111111111111111111111111111"
_UPGRADEABLE_LOADER = "BPFLoaderUpgradeab1e11111111111111111111111"
_PROGRAM, _PROGRAM_DATA = (2).to_bytes(4, "little"), (3).to_bytes(4, "little")
_PROGRAM_BYTES = 36
_HEADER_BYTES = 45
"""Of the account with a program's binary: its kind, the slot of the last upgrade, and who may upgrade it."""
_ELF = b"\x7fELF"


class BinaryError(Exception):
    """A binary cannot be had. The message says why."""


class _Account(NamedTuple):
    owner: str
    data: bytes


def fetch_programs(url: str, folder: Path, say: Callable[[str], None]) -> None:
    """Writes each program to `ID.so` in the folder, and says whether it is the recorded binary. Raises `BinaryError`.

    Nothing is written unless all of them could be had. The URL is that of a node's JSON-RPC. It may hold a key, so that
    messages name its host only.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise BinaryError(f"expected an http or https URL, was {url[:100]!r}")
    binaries = [(program, _binary(url, program)) for program in PROGRAMS]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for program, binary in binaries:
            _write(folder / f"{program.id}.so", binary)
    except OSError as error:
        raise BinaryError(f"cannot write to {folder}: {error.strerror}") from None
    for program, binary in binaries:
        say(f"{program.name} {program.id}, {len(binary)} bytes")
        say(f"  SHA-256  {sha256(binary).hexdigest()}")
        say(f"  recorded {program.recorded_sha256}: {'equal' if is_recorded(program, binary) else 'another binary'}")


def is_recorded(program: Program, binary: bytes) -> bool:
    """Whether the recordings were made with this binary. A cluster may keep zeros after it, for longer ones."""
    own, rest = binary[: program.recorded_bytes], binary[program.recorded_bytes :]
    return sha256(own).hexdigest() == program.recorded_sha256 and not any(rest)


def _binary(url: str, program: Program) -> bytes:
    name = f"{program.name} at {program.id}"
    account = _account(url, program.id)
    if account is None:
        raise BinaryError(f"expected the program {name}, was no account: does {_host(url)} belong to mainnet?")
    binary = account.data
    if account.owner == _UPGRADEABLE_LOADER:
        if len(account.data) != _PROGRAM_BYTES or not account.data.startswith(_PROGRAM):
            raise BinaryError(f"expected the program {name}, was another account of the loader")
        holder = _account(url, Pubkey(account.data[len(_PROGRAM) :]))
        if holder is None or holder.owner != _UPGRADEABLE_LOADER or not holder.data.startswith(_PROGRAM_DATA):
            raise BinaryError(f"expected the binary of {name} in {Pubkey(account.data[4:])}, was none")
        binary = holder.data[_HEADER_BYTES:]
    elif account.owner != _FINAL_LOADER:
        raise BinaryError(f"expected the program {name}, was an account of {account.owner}")
    if not binary.startswith(_ELF):
        raise BinaryError(f"expected an ELF file for {name}, was {binary[:4].hex() or 'nothing'}")
    return binary


def _account(url: str, key: Pubkey) -> _Account | None:
    """An account as getAccountInfo answers it. Raises `BinaryError`."""
    value = _call(url, "getAccountInfo", [str(key), {"encoding": "base64", "commitment": "finalized"}])
    try:
        account = value["value"]
        if account is None:
            return None
        data, encoding = account["data"]
        if encoding != "base64":
            raise ValueError(encoding)
        return _Account(str(account["owner"]), base64.b64decode(data, validate=True))
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise BinaryError(f"expected the account {key} from {_host(url)}, was {str(value)[:100]}") from None


def _call(url: str, method: str, params: list[Any]) -> Any:
    """The result of a method. Raises `BinaryError`."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:
            answer = json.loads(response.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        error.close()
        raise BinaryError(f"expected an answer from {_host(url)}, was {error.code} {error.reason}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise BinaryError(f"expected JSON-RPC at {_host(url)}, was {reason}") from None
    if not isinstance(answer, dict) or "result" not in answer:
        raise BinaryError(f"expected a result from {_host(url)}, was {str(answer)[:200]}")
    return answer["result"]


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
