"""A localnet within the test's process, and the transactions that tests send to it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from localnet.addresses import ASSOCIATED_TOKEN, SYSTEM, TOKEN
from localnet.ledger import Ledger
from localnet.market import Prices
from localnet.market.tokens import TOKENS
from localnet.node import Node
from localnet.programs import STANDINS
from localnet.programs.standin import Standin
from localnet.rpc import dispatch
from localnet.runtime import Runtime
from localnet.tokens import associated_token_account

SOL = 10**9
"""In lamports."""
FEE = 5000
"""Of a transaction with one signature, in lamports."""


class RpcFailure(Exception):
    """JSON-RPC has answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.data: Any = error.get("data")


class Localnet:
    """A node that is asked as over HTTP, by JSON-RPC."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        instant: bool = True,
        standins: dict[Pubkey, Standin] = STANDINS,
        pools: bool = False,
        prices: Prices | None = None,
    ) -> None:
        self.ledger = Ledger(folder)
        self.node = Node(Runtime(standins), self.ledger, instant=instant, pools=pools, prices=prices)
        self._folder, self._instant = folder, instant
        self._ids = count()

    def answer(self, method: str, *params: Any) -> str:
        """The answer as it goes over the wire."""
        request = json.dumps({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params})
        return json.dumps(dispatch.answer(self.node, json.loads(request)))

    def __call__(self, method: str, *params: Any) -> Any:
        """The result of a method. Raises `RpcFailure`."""
        answer = json.loads(self.answer(method, *params))
        if "error" in answer:
            raise RpcFailure(answer["error"])
        return answer["result"]

    def kill(self) -> None:
        """Ends it as SIGKILL would."""
        self.ledger.close()

    def restarted(self) -> Localnet:
        """The localnet that starts on the same folder after this one was killed."""
        self.kill()
        return Localnet(self._folder, instant=self._instant)

    def value(self, method: str, *params: Any) -> Any:
        """The value of a result that comes with its slot."""
        return self(method, *params)["value"]

    def blockhash(self, commitment: str = "processed") -> Hash:
        return Hash.from_string(self.value("getLatestBlockhash", {"commitment": commitment})["blockhash"])

    def funded(self, lamports: int = 10 * SOL) -> Keypair:
        """A new wallet with lamports."""
        keypair = Keypair()
        self("requestAirdrop", str(keypair.pubkey()), lamports)
        return keypair

    def give(self, owner: Pubkey, amount: int, symbol: str) -> None:
        self("localnet_airdrop", str(owner), amount, symbol)

    def lamports(self, address: Pubkey, commitment: str = "processed") -> int:
        lamports: int = self.value("getBalance", str(address), {"commitment": commitment})
        return lamports

    def tokens(self, owner: Pubkey, symbol: str) -> int:
        """What an owner has of a token, in base units."""
        found = self.value(
            "getTokenAccountsByOwner",
            str(owner),
            {"mint": str(TOKENS[symbol].mint)},
            {"encoding": "jsonParsed", "commitment": "processed"},
        )
        return sum(int(each["account"]["data"]["parsed"]["info"]["tokenAmount"]["amount"]) for each in found)

    def send(self, transaction: VersionedTransaction, **options: Any) -> str:
        options = {"encoding": "base64", "preflightCommitment": "processed", **options}
        signature: str = self("sendTransaction", wire(transaction), options)
        return signature

    def status(self, signature: str) -> Any:
        return self.value("getSignatureStatuses", [signature])[0]

    def transaction(self, signature: str, commitment: str = "confirmed") -> Any:
        return self("getTransaction", signature, {"commitment": commitment, "maxSupportedTransactionVersion": 0})

    def slots(self, count: int = 1) -> None:
        if count:
            self("localnet_advance", count)


def token_payment(payer: Pubkey, to: Pubkey, amount: int, symbol: str) -> list[Instruction]:
    """Pays tokens, and the account that takes them if there is none."""
    token = TOKENS[symbol]
    source, target = (associated_token_account(owner, token.mint) for owner in (payer, to))
    return [
        Instruction(
            ASSOCIATED_TOKEN,
            b"\x01",  # CreateIdempotent
            [
                AccountMeta(payer, True, True),
                AccountMeta(target, False, True),
                AccountMeta(to, False, False),
                AccountMeta(token.mint, False, False),
                AccountMeta(SYSTEM, False, False),
                AccountMeta(TOKEN, False, False),
            ],
        ),
        Instruction(
            TOKEN,
            b"\x0c" + amount.to_bytes(8, "little") + bytes([token.decimals]),  # TransferChecked
            [
                AccountMeta(source, False, True),
                AccountMeta(token.mint, False, False),
                AccountMeta(target, False, True),
                AccountMeta(payer, True, False),
            ],
        ),
    ]


def wire(transaction: VersionedTransaction) -> str:
    """As sendTransaction takes it, in base64."""
    return base64.b64encode(bytes(transaction)).decode()


def signed(
    payer: Keypair,
    instructions: Sequence[Instruction],
    blockhash: Hash,
    *signers: Keypair,
    tables: Sequence[AddressLookupTableAccount] = (),
) -> VersionedTransaction:
    message = MessageV0.try_compile(payer.pubkey(), instructions, tables, blockhash)
    return VersionedTransaction(message, [payer, *signers])


def payment(payer: Keypair, to: Pubkey, lamports: int, blockhash: Hash) -> VersionedTransaction:
    return signed(payer, [transfer_of(payer, to, lamports)], blockhash)


def transfer_of(payer: Keypair, to: Pubkey, lamports: int) -> Instruction:
    return transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports))


def refused(code: int, message: str) -> pytest.RaisesExc[RpcFailure]:
    """Expects JSON-RPC to answer with this code and a message that matches."""
    return pytest.raises(RpcFailure, match=f"{code}: .*{message}")
