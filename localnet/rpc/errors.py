"""The errors that JSON-RPC answers, with Agave's codes and words.

https://github.com/anza-xyz/agave/blob/master/rpc-client-api/src/custom_error.rs
"""

from __future__ import annotations

from typing import Any

from localnet.execution import Execution
from localnet.meta import return_data_json


class RpcError(Exception):
    """A call is refused."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def json(self) -> dict[str, Any]:
        answer = {"code": self.code, "message": self.message}
        return answer if self.data is None else {**answer, "data": self.data}


def parse_error() -> RpcError:
    return RpcError(-32700, "Parse error")


def invalid_request(message: str = "Invalid request") -> RpcError:
    return RpcError(-32600, message)


def method_not_found(method: str) -> RpcError:
    return RpcError(-32601, f"Method not found: {method} is not one of this localnet's")


def invalid_params(message: str) -> RpcError:
    return RpcError(-32602, message)


def preflight_failure(execution: Execution) -> RpcError:
    data = {
        "accounts": None,
        "err": execution.error,
        "fee": execution.fee,
        "innerInstructions": None,
        "logs": list(execution.logs),
        "replacementBlockhash": None,
        "returnData": return_data_json(execution.return_data) if execution.return_data else None,
        "unitsConsumed": execution.units,
    }
    return RpcError(-32002, f"Transaction simulation failed: {error_text(execution.error)}", data)


def signature_failure() -> RpcError:
    return RpcError(-32003, "Transaction signature verification failure")


def node_behind(slots: int) -> RpcError:
    return RpcError(-32005, f"Node is behind by {slots} slots", {"numSlotsBehind": slots})


def unsupported_version(version: int) -> RpcError:
    return RpcError(
        -32015,
        f"Transaction version ({version}) is not supported by the requesting client. Please try the request again with "
        f'the following configuration parameter: "maxSupportedTransactionVersion": {version}',
    )


def context_slot_not_reached(slot: int) -> RpcError:
    return RpcError(-32016, "Minimum context slot has not been reached", {"contextSlot": slot})


_TRANSACTION_ERRORS = {
    "AccountInUse": "Account in use",
    "AccountLoadedTwice": "Account loaded twice",
    "AccountNotFound": "Attempt to debit an account but found no record of a prior credit.",
    "AddressLookupTableNotFound": "Transaction loads an address table account that doesn't exist",
    "AlreadyProcessed": "This transaction has already been processed",
    "BlockhashNotFound": "Blockhash not found",
    "InsufficientFundsForFee": "Insufficient funds for fee",
    "InvalidAccountForFee": "This account may not be used to pay transaction fees",
    "InvalidAddressLookupTableData": "Transaction loads an address table account with invalid data",
    "InvalidAddressLookupTableIndex": "Transaction address table lookup uses an invalid index",
    "InvalidAddressLookupTableOwner": "Transaction loads an address table account with an invalid owner",
    "InvalidProgramForExecution": "This program may not be used for executing instructions",
    "ProgramAccountNotFound": "Attempt to load a program that does not exist",
    "SanitizeFailure": "Transaction failed to sanitize accounts offsets correctly",
    "TooManyAccountLocks": "Transaction locked too many accounts",
}
_INSTRUCTION_ERRORS = {
    "AccountAlreadyInitialized": "instruction requires an uninitialized account",
    "ComputationalBudgetExceeded": "Computational budget exceeded",
    "IncorrectProgramId": "incorrect program id for instruction",
    "InsufficientFunds": "insufficient funds for instruction",
    "InvalidAccountData": "invalid account data for instruction",
    "InvalidArgument": "invalid program argument",
    "InvalidInstructionData": "invalid instruction data",
    "MissingAccount": "An account required by the instruction is missing",
    "MissingRequiredSignature": "missing required signature for instruction",
    "NotEnoughAccountKeys": "insufficient account keys for instruction",
    "PrivilegeEscalation": "Cross-program invocation with unauthorized signer or writable account",
    "ProgramFailedToComplete": "Program failed to complete",
    "ReadonlyDataModified": "instruction modified data of a read-only account",
    "UninitializedAccount": "instruction requires an initialized account",
}


def error_text(error: Any) -> str:
    """An error of a transaction in Agave's words; by its name where these are not known here."""
    match error:
        case {"InstructionError": [index, {"Custom": code}]}:
            return f"Error processing Instruction {index}: custom program error: {code:#x}"
        case {"InstructionError": [index, kind]}:
            return f"Error processing Instruction {index}: {_INSTRUCTION_ERRORS.get(str(kind), str(kind))}"
        case {"InsufficientFundsForRent": {"account_index": index}}:
            return f"Transaction results in an account ({index}) with insufficient funds for rent"
        case {"DuplicateInstruction": index}:
            return f"Transaction contains a duplicate instruction ({index}) that is not allowed"
        case str():
            return _TRANSACTION_ERRORS.get(error, error)
    return str(error)
