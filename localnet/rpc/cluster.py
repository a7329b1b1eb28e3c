"""Methods about the cluster: its slots, blockhashes, fees and rent."""

from __future__ import annotations

from typing import Any

from solders.message import Message, MessageV0, from_bytes_versioned

from localnet.chain import BLOCKHASH_BLOCKS
from localnet.rpc.call import API_VERSION, Call, Method, with_context
from localnet.rpc.errors import invalid_params, node_behind
from localnet.rpc.params import Params, address, binary, blockhash
from localnet.transactions import budget_of

_UNHEALTHY_SLOTS = 128
_MAX_ACCOUNT_BYTES = 10 * 1024 * 1024
_MAX_FEE_ACCOUNTS = 128


def get_health(call: Call, params: Params) -> str:
    params.limit(0)
    check_health(call)
    return "ok"


def check_health(call: Call) -> None:
    """Raises `RpcError` for a node that lags behind further than its users accept."""
    if call.behind > _UNHEALTHY_SLOTS:
        raise node_behind(call.behind)


def get_version(call: Call, params: Params) -> dict[str, Any]:
    params.limit(0)
    return {"solana-core": API_VERSION, "feature-set": 0}


def get_genesis_hash(call: Call, params: Params) -> str:
    params.limit(0)
    return str(call.chain.genesis_hash)


def get_slot(call: Call, params: Params) -> int:
    return call.view(params.options(0, "commitment", "minContextSlot")).slot


def get_block_height(call: Call, params: Params) -> int:
    return call.view(params.options(0, "commitment", "minContextSlot")).height


def get_epoch_info(call: Call, params: Params) -> dict[str, Any]:
    block = call.view(params.options(0, "commitment", "minContextSlot"))
    epoch = call.chain.runtime.epoch(block.slot)
    return {
        "absoluteSlot": block.slot,
        "blockHeight": block.height,
        "epoch": epoch.number,
        "slotIndex": epoch.slot_index,
        "slotsInEpoch": epoch.slots,
        "transactionCount": call.chain.transaction_count,
    }


def get_latest_blockhash(call: Call, params: Params) -> dict[str, Any]:
    block = call.view(params.options(0, "commitment", "minContextSlot"))
    last_valid = block.height + BLOCKHASH_BLOCKS
    return with_context(block, {"blockhash": str(block.blockhash), "lastValidBlockHeight": last_valid})


def is_blockhash_valid(call: Call, params: Params) -> dict[str, Any]:
    block = call.view(params.options(1, "commitment", "minContextSlot"))
    known = call.chain.last_valid_height(blockhash(params.get(0, "a blockhash")), block)
    return with_context(block, known is not None)


def get_fee_for_message(call: Call, params: Params) -> dict[str, Any]:
    block = call.view(params.options(1, "commitment", "minContextSlot"))
    raw = binary(params.get(0, "a message"), "base64", "a message")
    try:
        message = from_bytes_versioned(raw)
    except ValueError as error:
        raise invalid_params(f"failed to deserialize solana_message::versions::VersionedMessage: {error}") from None
    if not isinstance(message, (Message, MessageV0)):
        raise invalid_params("expected a legacy or version 0 message, was version 1")
    if call.chain.last_valid_height(message.recent_blockhash, block) is None:
        return with_context(block, None)
    return with_context(block, budget_of(message).fee(message.header.num_required_signatures))


def get_minimum_balance_for_rent_exemption(call: Call, params: Params) -> int:
    size = params.integer(0, "a data length")
    params.options(1, "commitment")
    if size > _MAX_ACCOUNT_BYTES:
        raise invalid_params(f"Invalid params: expected at most {_MAX_ACCOUNT_BYTES} bytes, was {size}")
    return call.chain.runtime.rent(size)


def get_recent_prioritization_fees(call: Call, params: Params) -> list[dict[str, int]]:
    params.limit(1)
    values = params.list(0, "addresses", _MAX_FEE_ACCOUNTS) if len(params) else []
    fees = call.chain.priority_fees([address(value) for value in values])
    return [{"slot": slot, "prioritizationFee": fee} for slot, fee in fees]


METHODS: dict[str, Method] = {
    "getBlockHeight": get_block_height,
    "getEpochInfo": get_epoch_info,
    "getFeeForMessage": get_fee_for_message,
    "getGenesisHash": get_genesis_hash,
    "getHealth": get_health,
    "getLatestBlockhash": get_latest_blockhash,
    "getMinimumBalanceForRentExemption": get_minimum_balance_for_rent_exemption,
    "getRecentPrioritizationFees": get_recent_prioritization_fees,
    "getSlot": get_slot,
    "getVersion": get_version,
    "isBlockhashValid": is_blockhash_valid,
}
