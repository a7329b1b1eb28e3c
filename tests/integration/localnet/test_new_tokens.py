"""Tokens and pools that a user makes on a running localnet."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from localnet.addresses import TOKEN, WRAPPED_SOL
from localnet.commands import CommandError, create_pool
from localnet.market.new_tokens import PROGRAMS
from localnet.market.tokens import TOKENS
from localnet.tokens import mint, token_account
from tests.support.localnet import Localnet, refused
from tests.support.localnet_process import LocalnetProcess, localnet_command, localnet_process

SOL, USDC = 10**9, 10**6
CONFIRMED = {"commitment": "confirmed", "encoding": "base64"}


@pytest.fixture
def localnet() -> Iterator[Localnet]:
    localnet = Localnet(pools=True)
    yield localnet
    localnet.kill()


def new_mint(localnet: Localnet, **options: Any) -> str:
    address: str = localnet("localnet_createMint", options)
    return address


def info(localnet: Localnet, address: str) -> Any:
    options = {"commitment": "processed", "encoding": "jsonParsed"}
    return localnet.value("getAccountInfo", address, options)["data"]["parsed"]["info"]


@pytest.mark.parametrize("can_freeze", [False, True])
def test_a_new_mint_has_nothing_yet(localnet: Localnet, can_freeze: bool) -> None:
    faucet = str(localnet.node.faucet.address)
    first = new_mint(localnet, decimals=2, freezeAuthority=can_freeze)
    assert info(localnet, first) == {
        "decimals": 2,
        "freezeAuthority": faucet if can_freeze else None,
        "isInitialized": True,
        "mintAuthority": faucet,
        "supply": "0",
    }
    assert new_mint(localnet, decimals=2) != first
    assert info(localnet, new_mint(localnet))["decimals"] == 6


@pytest.mark.parametrize("paired", ["SOL", "USDC"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_new_pool_holds_what_was_asked_for(localnet: Localnet, program: str, paired: str) -> None:
    """And every token's supply is still the sum of what accounts hold of it."""
    address = new_mint(localnet)
    pool = localnet("localnet_createPool", address, 5_000_000, paired, 7_000_000, program)
    assert localnet.value("getAccountInfo", pool, CONFIRMED) is not None
    runtime, held = localnet.node.chain.runtime, Counter[Pubkey]()
    for account in runtime.owned_by(TOKEN).values():
        if found := token_account(account):
            held[found.mint] += found.amount
    # Liquidity over many prices holds a little less, or more, on each side.
    assert 0.9 < held[Pubkey.from_string(address)] / 5_000_000 < 1.1
    for key in (Pubkey.from_string(address), *(token.mint for token in TOKENS.values() if token.mint != WRAPPED_SOL)):
        made = mint(runtime.get(key))
        assert made is not None
        assert made.supply == held[key]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_pool_is_made_once(localnet: Localnet, program: str) -> None:
    address = new_mint(localnet)
    pool = localnet("localnet_createPool", address, 10**6, "SOL", 10**6, program)
    before = info(localnet, address)["supply"]
    with refused(-32602, f"expected no pool of {program} for this pair yet, was {pool}"):
        localnet("localnet_createPool", address, 10**7, "SOL", 10**6, program)
    assert info(localnet, address)["supply"] == before
    localnet("localnet_createPool", address, 10**6, "USDC", 10**6, program)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ([str(Pubkey.default()), 1, "SOL", 1], "expected a mint of the token program, was 1111"),
        ([str(TOKENS["RAY"].mint), 1, "RAY", 1], "expected another mint than that of RAY"),
        ([str(TOKENS["RAY"].mint), 1, "DOGE", 1], "expected one of SOL, USDC, .*, was 'DOGE'"),
        ([str(TOKENS["RAY"].mint), 0, "SOL", 1], "expected an amount from 1 to"),
        ([str(TOKENS["RAY"].mint), 1, "SOL", 2**63 + 1], "expected an amount from 1 to"),
        ([str(TOKENS["RAY"].mint), 1, "SOL", 1, "orca"], "expected one of raydium_cp, .*, was 'orca'"),
        ([str(TOKENS["RAY"].mint), 1, "JUP", 1, "meteora_dlmm", 1], "expected at most 5 parameters"),
        ([str(TOKENS["RAY"].mint), 1, "JUP", 2**63, "raydium_clmm"], "expected amounts that a pool of .* can hold"),
        (["nobody", 1, "SOL", 1], "expected a mint"),
    ],
)
def test_what_makes_no_pool_is_refused(localnet: Localnet, parameters: list[Any], complaint: str) -> None:
    with refused(-32602, complaint):
        localnet("localnet_createPool", *parameters)


@pytest.mark.parametrize("options", [{"decimals": 19}, {"decimals": -1}, {"freezeAuthority": 1}, {"supply": 1}])
def test_what_makes_no_mint_is_refused(localnet: Localnet, options: dict[str, Any]) -> None:
    with refused(-32602, "Invalid params"):
        new_mint(localnet, **options)


def test_a_new_pool_is_confirmed_as_a_transaction_is() -> None:
    """GIVEN a localnet with slots, THEN a node shows the pool two slots later, and a fork takes it away."""
    localnet = Localnet(instant=False, pools=True)
    address = new_mint(localnet)
    pool = localnet("localnet_createPool", address, 10**6, "SOL", SOL)
    assert localnet.value("getAccountInfo", pool, CONFIRMED) is None
    localnet.slots(2)
    assert localnet.value("getAccountInfo", pool, CONFIRMED) is not None
    localnet("localnet_fault", "fork", {"deep": True})
    for gone in (pool, address):
        assert localnet.value("getAccountInfo", gone, {**CONFIRMED, "commitment": "processed"}) is None
    localnet.kill()


def test_the_commands_make_a_mint_and_pools_that_survive_a_kill(tmp_path: Path) -> None:
    localnet = LocalnetProcess(tmp_path, "--still")

    def run(*arguments: str) -> list[str]:
        done = localnet_command(*arguments, "--url", localnet.url)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    (address,) = run("create-mint", "--decimals", "3", "--freeze-authority")
    amounts = ("--price", "0.5", "--liquidity", "1000.5")
    first = run("create-pool", "--mint", address, "--with", "USDC", *amounts)
    second = run("create-pool", "--decimals", "0", "--program", "meteora_dlmm")
    assert (first[0:3], second[0], second[2]) == (["mint", address, "pool"], "mint", "pool")
    localnet.stop(signal.SIGKILL)
    with localnet_process(tmp_path, "--still") as again:
        for pool in (first[3], second[3]):
            assert again("getAccountInfo", pool, CONFIRMED)["value"] is not None
        options = {"commitment": "processed", "encoding": "jsonParsed"}
        assert again("getAccountInfo", address, options)["value"]["data"]["parsed"]["info"]["supply"] == "2001000"


@pytest.mark.parametrize(
    ("price", "liquidity", "complaint"),
    [
        ("0", "1", "expected a price at which the pool holds"),
        ("x", "1", "expected a price at which the pool holds"),
        ("1000000000", "0.000001", "expected a price at which the pool holds"),
        ("1", "0", "expected an amount above zero with at most 9 decimals, was '0'"),
    ],
)
def test_a_command_says_what_it_expects(process: LocalnetProcess, price: str, liquidity: str, complaint: str) -> None:
    address = process("localnet_createMint", {})
    with pytest.raises(CommandError, match=complaint):
        create_pool(process.url, address, "SOL", price, liquidity)
    with pytest.raises(CommandError, match=f"expected a mint, was '{Pubkey.default()}'"):
        create_pool(process.url, str(Pubkey.default()), "SOL", "1", "1")
