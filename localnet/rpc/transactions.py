"""Methods that simulate, send and read transactions."""

from __future__ import annotations

import base64
from typing import Any

from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from localnet import base58
from localnet.chain import BLOCKHASH_BLOCKS, Commitment
from localnet.execution import Execution
from localnet.ledger import Block
from localnet.meta import inner_json, message_json, return_data_json
from localnet.rpc.accounts import encoder
from localnet.rpc.call import Call, Method, with_context
from localnet.rpc.cluster import check_health
from localnet.rpc.errors import (
    invalid_params,
    preflight_failure,
    signature_failure,
    unsupported_version,
)
from localnet.rpc.params import Options, Params, address, binary, signature
from localnet.transactions import MAX_BYTES, Transaction, decode

_MAX_STATUSES = 256
_MAX_SIGNATURES = 1000
_TYPE = "solana_transaction::versioned::VersionedTransaction"


def send_transaction(call: Call, params: Params) -> str:
    options = params.options(1, "encoding", "skipPreflight", "preflightCommitment", "maxRetries", "minContextSlot")
    options.integer("maxRetries")  # a transaction is carried out at once, or never
    is_preflight_skipped = options.flag("skipPreflight")
    transaction = _transaction(params, options)
    if is_preflight_skipped:
        if not transaction.is_signed():
            return str(transaction.signature)  # the leader drops it
    else:
        if not transaction.is_signed():
            raise signature_failure()
        block = call.view(options, "preflightCommitment")
        check_health(call)
        execution = call.chain.simulate(transaction, block)
        if execution.error is not None:
            raise preflight_failure(execution)
    call.node.send(transaction)
    return str(transaction.signature)


def simulate_transaction(call: Call, params: Params) -> dict[str, Any]:
    options = params.options(
        1, "encoding", "sigVerify", "replaceRecentBlockhash", "commitment", "minContextSlot", "accounts",
        "innerInstructions",
    )  # fmt: skip
    transaction = _transaction(params, options)
    is_replaced = options.flag("replaceRecentBlockhash")
    if options.flag("sigVerify"):
        if is_replaced:
            raise invalid_params("sigVerify may not be used with replaceRecentBlockhash")
        if not transaction.is_signed():
            raise signature_failure()
    block = call.view(options)
    execution = call.chain.simulate(transaction, block, as_is=is_replaced)
    replacement = {"blockhash": str(block.blockhash), "lastValidBlockHeight": block.height + BLOCKHASH_BLOCKS}
    return with_context(
        block,
        {
            "accounts": _accounts_after(call, block, execution, options.get("accounts")),
            "err": execution.error,
            "fee": execution.fee,
            "innerInstructions": inner_json(execution) if options.flag("innerInstructions") else None,
            "logs": list(execution.logs),
            "replacementBlockhash": replacement if is_replaced else None,
            "returnData": return_data_json(execution.return_data) if execution.return_data else None,
            "unitsConsumed": execution.units,
        },
    )


def get_signature_statuses(call: Call, params: Params) -> dict[str, Any]:
    options = params.options(1, "searchTransactionHistory")
    is_history_searched = options.flag("searchTransactionHistory")
    block = call.chain.block(Commitment.PROCESSED, call.behind)
    final = call.chain.block(Commitment.FINALIZED, call.behind)

    def status(value: Any) -> dict[str, Any] | None:
        found = call.chain.status(signature(value), block)
        if found is None or (not is_history_searched and not call.chain.is_recent(found[0])):
            return None
        slot, error = found
        return {
            "slot": slot,
            "confirmations": None if slot <= final.slot else block.slot - slot,
            "err": error,
            "status": {"Ok": None} if error is None else {"Err": error},
            "confirmationStatus": call.chain.commitment(slot, call.behind),
        }

    return with_context(block, [status(value) for value in params.list(0, "signatures", _MAX_STATUSES)])


def get_transaction(call: Call, params: Params) -> dict[str, Any] | None:
    given = params.get(1, "a configuration", {})
    options = (
        Options({"encoding": given}, ("encoding",))
        if isinstance(given, str)
        else params.options(1, "commitment", "encoding", "maxSupportedTransactionVersion")
    )
    encoding = options.choice("encoding", "json", "base64", "base58") or "json"
    landed = call.chain.transaction(params.signature(0), _settled(call, options))
    if landed is None:
        return None
    transaction = decode(landed.wire)
    newest = options.integer("maxSupportedTransactionVersion")
    if newest is None and isinstance(transaction.version, int):
        raise unsupported_version(transaction.version)
    return {
        "slot": landed.slot,
        "blockTime": landed.time,
        "transaction": _encoded(transaction.versioned, landed.wire, encoding),
        "meta": landed.meta,
        **({} if newest is None else {"version": transaction.version}),
    }


def get_signatures_for_address(call: Call, params: Params) -> list[dict[str, Any]]:
    options = params.options(1, "commitment", "minContextSlot", "limit", "before", "until")
    limit = options.integer("limit")
    if limit is not None and not 1 <= limit <= _MAX_SIGNATURES:
        raise invalid_params(f"Invalid limit; max {_MAX_SIGNATURES}")
    before, until = (
        signature(options.get(name)) if options.get(name) is not None else None for name in ("before", "until")
    )
    mentions = call.chain.mentions(params.address(0), _settled(call, options), before, until, limit or _MAX_SIGNATURES)
    return [
        {
            "signature": str(mention.signature),
            "slot": mention.slot,
            "err": mention.error,
            "memo": None,
            "blockTime": mention.time,
            "confirmationStatus": call.chain.commitment(mention.slot, call.behind),
        }
        for mention in mentions
    ]


def _transaction(params: Params, options: Options) -> Transaction:
    encoding = options.choice("encoding", "base58", "base64") or "base58"
    text = params.text(0, "a transaction")
    wire = binary(text, encoding, "a transaction")
    if len(wire) > MAX_BYTES:
        raise invalid_params(f"decoded {_TYPE} too large: {len(wire)} bytes (max: {MAX_BYTES} bytes)")
    try:
        return decode(wire)
    except ValueError as error:
        raise invalid_params(f"failed to deserialize {_TYPE}: {error}") from None


def _settled(call: Call, options: Options) -> Block:
    if options.commitment() is Commitment.PROCESSED:
        raise invalid_params("Method does not support commitment below `confirmed`")
    return call.view(options)


def _encoded(transaction: VersionedTransaction, wire: bytes, encoding: str) -> Any:
    match encoding:
        case "base64":
            return [base64.b64encode(wire).decode(), "base64"]
        case "base58":
            return [base58.encode(wire), "base58"]
    message = decode(wire).message
    return {"signatures": [str(each) for each in transaction.signatures], "message": message_json(message)}


def _accounts_after(call: Call, block: Block, execution: Execution, value: Any) -> list[Any] | None:
    """The accounts that the caller wants to see as the transaction leaves them."""
    if value is None:
        return None
    options = Options(value, ("addresses", "encoding"))
    encode = encoder(call, block, options, default="base64")
    addresses = [address(each) for each in options.get("addresses") or []]
    if execution.error is not None:
        return [None for _ in addresses]

    def after(key: Pubkey) -> Any:
        account = execution.writes[key] if key in execution.writes else call.chain.account(key, block)
        return account and encode(account)

    return [after(each) for each in addresses]


METHODS: dict[str, Method] = {
    "getSignatureStatuses": get_signature_statuses,
    "getSignaturesForAddress": get_signatures_for_address,
    "getTransaction": get_transaction,
    "sendTransaction": send_transaction,
    "simulateTransaction": simulate_transaction,
}
