"""The methods of Solana's JSON-RPC that the engine calls: https://solana.com/docs/rpc/http

What is read is confirmed, unless it says otherwise: two thirds of the stake have voted for it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from order_engine.domain.errors import VenueUnavailable
from order_engine.solana.accounts import Account, Accounts
from order_engine.solana.addresses import SIGNATURE_BYTES, Address, address, decode, encode
from order_engine.solana.clusters import cluster_name
from order_engine.solana.nodes import Nodes, RpcError

T = TypeVar("T")

MAX_ACCOUNTS = 100
"""How many accounts a node returns at once."""
MAX_FEE_ACCOUNTS = 128
"""For how many accounts a node says what others paid."""

_CONFIRMED = {"commitment": "confirmed"}
_FINALIZED = {"commitment": "finalized"}
_BASE64 = {"encoding": "base64"}


class Snapshot(NamedTuple):
    """Accounts as they were at a slot."""

    slot: int
    accounts: Accounts


class Blockhash(NamedTuple):
    """A blockhash. Above the block height `last_valid_height` no transaction with it can land."""

    hash: bytes
    last_valid_height: int


class Block(NamedTuple):
    """A block's slot, and its height: the number of blocks before it. Many slots have no block."""

    slot: int
    height: int


class Simulation(NamedTuple):
    """What a transaction would do: its error, if any, its log, and the compute units that it takes without one."""

    error: Any
    logs: Sequence[str]
    units: int


class Status(NamedTuple):
    """A transaction's error, if any, and whether its block is confirmed."""

    error: Any
    is_confirmed: bool


class Lookup(NamedTuple):
    """What a node that has reached a slot knows of a transaction. `None`: nothing."""

    slot: int
    status: Status | None


class TokenBalance(NamedTuple):
    """What a token account holds, in base units."""

    mint: Address
    owner: Address
    amount: int


class LandedTransaction(NamedTuple):
    """A transaction in a block, and the balances of the accounts that it names, before and after it.

    `programs` are those that its instructions call, in their order. `fee` is in lamports, and `payer` has paid it.
    """

    slot: int
    error: Any
    payer: Address
    fee: int
    programs: Sequence[Address]
    logs: Sequence[str]
    lamports_before: Mapping[Address, int]
    lamports_after: Mapping[Address, int]
    tokens_before: Mapping[Address, TokenBalance]
    tokens_after: Mapping[Address, TokenBalance]


class Rpc:
    """Every method raises `VenueUnavailable` if no node answers, and `ChainRefused` for a node of another cluster.

    Where there is a `min_slot`, a node that has not reached it does not answer.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._minimum_balances: dict[int, int] = {}

    def cluster(self) -> str:
        """The name of the nodes' cluster."""
        return self._ask("getGenesisHash", [], cluster_name)

    def accounts(self, addresses: Sequence[Address], min_slot: int = 0) -> Snapshot:
        """Up to `MAX_ACCOUNTS` accounts, all of one slot."""

        def parse(result: Any) -> Snapshot:
            found = [_account(value) for value in result["value"]]
            return Snapshot(_slot(result), dict(zip(addresses, found, strict=True)))

        options = {**_CONFIRMED, **_BASE64, "minContextSlot": min_slot}
        return self._ask("getMultipleAccounts", [[encode(key) for key in addresses], options], parse)

    def program_accounts(self, program: Address, size: int, contents: Mapping[int, bytes]) -> Snapshot:
        """A program's accounts of `size` bytes that have these bytes at these offsets.

        Raises `RpcError` where no node lists accounts.
        """
        filters: list[dict[str, Any]] = [{"dataSize": size}]
        for offset, raw in contents.items():
            filters.append({"memcmp": {"offset": offset, "bytes": b64encode(raw).decode(), **_BASE64}})
        options = {**_CONFIRMED, **_BASE64, "withContext": True, "filters": filters}
        return self._nodes.call("getProgramAccounts", [encode(program), options], _listed)

    def token_accounts(self, owner: Address, program: Address) -> Snapshot:
        """An owner's accounts of a token program. Raises `RpcError` where no node lists accounts."""
        wanted = {"programId": encode(program)}
        options = {**_CONFIRMED, **_BASE64}
        return self._nodes.call("getTokenAccountsByOwner", [encode(owner), wanted, options], _listed)

    def minimum_balance(self, size: int) -> int:
        """The lamports that an account of `size` bytes must hold: its rent. Asked once."""
        if size not in self._minimum_balances:
            options = [size, _CONFIRMED]
            self._minimum_balances[size] = self._ask("getMinimumBalanceForRentExemption", options, _natural)
        return self._minimum_balances[size]

    def priority_fees(self, addresses: Sequence[Address]) -> list[int]:
        """The least that was paid in each of the recent slots by transactions that wrote to these accounts.

        In millionths of a lamport for each compute unit.
        """

        def parse(result: Any) -> list[int]:
            if not isinstance(result, list):
                raise TypeError("expected a list")
            return [_natural(slot["prioritizationFee"]) for slot in result]

        keys = [encode(key) for key in addresses[:MAX_FEE_ACCOUNTS]]
        return self._ask("getRecentPrioritizationFees", [keys], parse)

    def latest_blockhash(self, min_slot: int = 0) -> Blockhash:
        def parse(result: Any) -> Blockhash:
            value = result["value"]
            return Blockhash(decode(value["blockhash"]), _natural(value["lastValidBlockHeight"]))

        return self._ask("getLatestBlockhash", [{**_CONFIRMED, "minContextSlot": min_slot}], parse)

    def finalized_block(self) -> Block:
        """The last block that is final."""

        def parse(result: Any) -> Block:
            return Block(_natural(result["absoluteSlot"]), _natural(result["blockHeight"]))

        return self._ask("getEpochInfo", [_FINALIZED], parse)

    def simulate(self, wire: bytes, min_slot: int = 0, *, as_is: bool = False) -> Simulation:
        """Carries out a transaction without effect.

        Neither its signatures nor its blockhash need be valid, unless it is tried `as_is`.
        """

        def parse(result: Any) -> Simulation:
            value = result["value"]
            units = _natural(value["unitsConsumed"]) if value["err"] is None else 0
            return Simulation(value["err"], _texts(value["logs"]), units)

        checked = {"sigVerify": as_is, "replaceRecentBlockhash": not as_is}
        options = {**_CONFIRMED, **_BASE64, **checked, "minContextSlot": min_slot}
        return self._ask("simulateTransaction", [b64encode(wire).decode(), options], parse)

    def send(self, wire: str) -> str:
        """Sends a transaction, in base64, once; returns its signature. Raises `RpcError`.

        It is not simulated first: a node that lags behind would refuse what is valid, and any node what has landed.
        """
        options = {**_BASE64, "skipPreflight": True, "maxRetries": 0}
        return self._nodes.call("sendTransaction", [wire, options], _signature)

    def status(self, signature: str, with_history: bool = False) -> Lookup:
        """What a node knows of a transaction. Without history it forgets it after some 150 slots."""

        def parse(result: Any) -> Lookup:
            (value,) = result["value"]
            return Lookup(_slot(result), None if value is None else _status(value))

        options = {"searchTransactionHistory": with_history}
        return self._ask("getSignatureStatuses", [[signature], options], parse)

    def transaction(self, signature: str) -> LandedTransaction | None:
        """A transaction that has landed; `None` if the node knows none."""

        def parse(result: Any) -> LandedTransaction | None:
            return None if result is None else _landed(result, signature)

        options = {**_CONFIRMED, "encoding": "json", "maxSupportedTransactionVersion": 0}
        return self._ask("getTransaction", [signature, options], parse)

    def _ask(self, method: str, parameters: Sequence[Any], parse: Callable[[Any], T]) -> T:
        """As `Nodes.call`, where a refusal is the nodes' fault."""
        try:
            return self._nodes.call(method, parameters, parse)
        except RpcError as error:
            raise VenueUnavailable(f"{method}: {error}") from error


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a number of at least 0, was {value!r}")
    return value


def _slot(result: Any) -> int:
    return _natural(result["context"]["slot"])


def _signature(value: Any) -> str:
    return encode(decode(value, SIGNATURE_BYTES))


def _texts(value: Any) -> list[str]:
    return [str(line) for line in value or ()]


def _listed(result: Any) -> Snapshot:
    found = {address(entry["pubkey"]): _account(entry["account"]) for entry in result["value"]}
    return Snapshot(_slot(result), found)


def _account(value: Any) -> Account | None:
    if value is None:
        return None
    data, encoding = value["data"]
    if encoding != "base64":
        raise ValueError(f"expected data in base64, was {encoding!r}")
    return Account(address(value["owner"]), _natural(value["lamports"]), b64decode(data, validate=True))


def _status(value: Any) -> Status:
    return Status(value["err"], value["confirmationStatus"] in ("confirmed", "finalized"))


def _landed(value: Any, signature: str) -> LandedTransaction:
    if (was := value["transaction"]["signatures"][0]) != signature:
        raise ValueError(f"expected transaction {signature}, was {was!r}")
    meta, message = value["meta"], value["transaction"]["message"]
    looked_up = meta.get("loadedAddresses") or {"writable": [], "readonly": []}
    keys = [address(key) for key in [*message["accountKeys"], *looked_up["writable"], *looked_up["readonly"]]]

    def lamports(balances: Any) -> dict[Address, int]:
        return dict(zip(keys, map(_natural, balances), strict=True))

    def tokens(balances: Any) -> dict[Address, TokenBalance]:
        return {
            keys[balance["accountIndex"]]: TokenBalance(
                address(balance["mint"]), address(balance["owner"]), int(balance["uiTokenAmount"]["amount"])
            )
            for balance in balances or ()
        }

    return LandedTransaction(
        slot=_natural(value["slot"]),
        error=meta["err"],
        payer=keys[0],
        fee=_natural(meta["fee"]),
        programs=[keys[call["programIdIndex"]] for call in message["instructions"]],
        logs=_texts(meta["logMessages"]),
        lamports_before=lamports(meta["preBalances"]),
        lamports_after=lamports(meta["postBalances"]),
        tokens_before=tokens(meta["preTokenBalances"]),
        tokens_after=tokens(meta["postTokenBalances"]),
    )
