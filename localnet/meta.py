"""What a node answers about a transaction that it has carried out."""

from __future__ import annotations

import base64
from typing import Any

from solders.account import Account
from solders.instruction import CompiledInstruction
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey

from localnet.base58 import encode
from localnet.execution import Execution
from localnet.runtime import ReturnData
from localnet.tokens import mint, token_account
from localnet.transactions import Keys, Reader


def meta_of(execution: Execution, keys: Keys, read: Reader) -> dict[str, Any]:
    """The `meta` of getTransaction. `read` gives the accounts as they were before."""

    def read_after(address: Pubkey) -> Account | None:
        return execution.writes[address] if address in execution.writes else read(address)

    return {
        "err": execution.error,
        "status": {"Ok": None} if execution.error is None else {"Err": execution.error},
        "fee": execution.fee,
        "preBalances": _lamports(keys, read),
        "postBalances": _lamports(keys, read_after),
        "preTokenBalances": _token_balances(keys, read),
        "postTokenBalances": _token_balances(keys, read_after),
        "innerInstructions": inner_json(execution),
        "logMessages": list(execution.logs),
        "computeUnitsConsumed": execution.units,
        "loadedAddresses": {
            "writable": [str(address) for address in keys.writable],
            "readonly": [str(address) for address in keys.readonly],
        },
        "rewards": [],
        **({"returnData": return_data_json(execution.return_data)} if execution.return_data else {}),
    }


def message_json(message: Message | MessageV0) -> dict[str, Any]:
    """A message as getTransaction answers it with the encoding `json`."""
    header = message.header
    answer = {
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "accountKeys": [str(key) for key in message.account_keys],
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [instruction_json(instruction, 1) for instruction in message.instructions],
    }
    if isinstance(message, MessageV0):
        answer["addressTableLookups"] = [
            {
                "accountKey": str(lookup.account_key),
                "writableIndexes": list(bytes(lookup.writable_indexes)),
                "readonlyIndexes": list(bytes(lookup.readonly_indexes)),
            }
            for lookup in message.address_table_lookups
        ]
    return answer


def instruction_json(instruction: CompiledInstruction, height: int) -> dict[str, Any]:
    return {
        "programIdIndex": instruction.program_id_index,
        "accounts": list(instruction.accounts),
        "data": encode(instruction.data),
        "stackHeight": height,
    }


def inner_json(execution: Execution) -> list[dict[str, Any]]:
    return [
        {"index": index, "instructions": [instruction_json(call.instruction, call.height) for call in calls]}
        for index, calls in execution.inner.items()
    ]


def return_data_json(data: ReturnData) -> dict[str, Any]:
    return {"programId": str(data.program), "data": [base64.b64encode(data.data).decode(), "base64"]}


def amount_json(amount: int, decimals: int) -> dict[str, Any]:
    """An amount of tokens, in base units and in whole ones."""
    whole, fraction = divmod(amount, 10**decimals)
    text = f"{whole}.{fraction:0{decimals}d}".rstrip("0").rstrip(".") if decimals else str(whole)
    return {"amount": str(amount), "decimals": decimals, "uiAmount": float(text), "uiAmountString": text}


def _lamports(keys: Keys, read: Reader) -> list[int]:
    return [account.lamports if (account := read(key)) else 0 for key in keys.all]


def _token_balances(keys: Keys, read: Reader) -> list[dict[str, Any]]:
    balances = []
    for index, key in enumerate(keys.all):
        account = read(key)
        token = token_account(account)
        if account is None or token is None:
            continue
        token_mint = mint(read(token.mint))
        if token_mint:
            balances.append(
                {
                    "accountIndex": index,
                    "mint": str(token.mint),
                    "owner": str(token.owner),
                    "programId": str(account.owner),
                    "uiTokenAmount": amount_json(token.amount, token_mint.decimals),
                }
            )
    return balances
