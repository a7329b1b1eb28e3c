"""Methods that read accounts."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from localnet import base58
from localnet.addresses import TOKEN_2022, TOKEN_PROGRAMS
from localnet.ledger import Block
from localnet.meta import amount_json
from localnet.rpc.call import Call, Method, with_context
from localnet.rpc.errors import invalid_params, invalid_request
from localnet.rpc.params import Options, Params, address, binary, natural
from localnet.tokens import mint, token_account

_OPTIONS = ("commitment", "minContextSlot", "encoding", "dataSlice")
_ENCODINGS = ("base58", "base64", "jsonParsed")
_MAX_ACCOUNTS = 100
_MAX_BASE58_BYTES = 128
_MAX_FILTERS = 4
_MAX_COMPARED_BYTES = 128
_NEVER = 2**64 - 1  # the epoch in which rent is due


def get_balance(call: Call, params: Params) -> dict[str, Any]:
    block = call.view(params.options(1, "commitment", "minContextSlot"))
    account = call.chain.account(params.address(0), block)
    return with_context(block, account.lamports if account else 0)


def get_account_info(call: Call, params: Params) -> dict[str, Any]:
    options = params.options(1, *_OPTIONS)
    block = call.view(options)
    encode = encoder(call, block, options)
    account = call.chain.account(params.address(0), block)
    return with_context(block, account and encode(account))


def get_multiple_accounts(call: Call, params: Params) -> dict[str, Any]:
    options = params.options(1, *_OPTIONS)
    block = call.view(options)
    encode = encoder(call, block, options, default="base64")
    addresses = [address(value) for value in params.list(0, "addresses", _MAX_ACCOUNTS)]
    accounts = call.chain.accounts(addresses, block)
    return with_context(block, [account and encode(account) for account in accounts])


def get_program_accounts(call: Call, params: Params) -> Any:
    options = params.options(1, *_OPTIONS, "filters", "withContext", "sortResults")
    block = call.view(options)
    encode = encoder(call, block, options)
    accepts = _filters([] if options.get("filters") is None else options.get("filters"))
    found = call.chain.owned_by(params.address(0), block)
    return _listed(found, accepts, encode, block if options.flag("withContext") else None)


def get_token_accounts_by_owner(call: Call, params: Params) -> Any:
    options = params.options(2, *_OPTIONS)
    block = call.view(options)
    encode = encoder(call, block, options)
    owner = params.address(0)
    wanted = Options(params.get(1, "a mint or a programId"), ("mint", "programId"))
    if wanted.get("mint") is not None:
        token = address(wanted.get("mint"), "a mint")
        account = call.chain.account(token, block)
        if account is None or mint(account) is None:
            raise invalid_params("Invalid param: could not find mint")
        program = account.owner
    else:
        token, program = None, address(wanted.get("programId"), "a programId")
        if program not in TOKEN_PROGRAMS:
            raise invalid_params("Invalid param: unrecognized Token program id")

    def accepts(account: Account) -> bool:
        found = token_account(account)
        return found is not None and found.owner == owner and token in (None, found.mint)

    return _listed(call.chain.owned_by(program, block), accepts, encode, block)


def get_token_account_balance(call: Call, params: Params) -> dict[str, Any]:
    block = call.view(params.options(1, "commitment"))
    account = call.chain.account(params.address(0), block)
    if account is None:
        raise invalid_params("Invalid param: could not find account")
    found = token_account(account)
    if found is None:
        raise invalid_params("Invalid param: not a Token account")
    token = mint(call.chain.account(found.mint, block))
    return with_context(block, amount_json(found.amount, token.decimals if token else 0))


Encode = Callable[[Account], dict[str, Any]]


def encoder(call: Call, block: Block, options: Options, default: str | None = None) -> Encode:
    """How accounts are answered. Without an encoding, data is base58 text alone, as in Agave."""
    encoding = options.choice("encoding", *_ENCODINGS) or default
    start, end = _slice(options.get("dataSlice"))

    def encode(account: Account) -> dict[str, Any]:
        return {
            "data": _parsed(account) if encoding == "jsonParsed" else _data(account.data[start:end], encoding),
            "executable": account.executable,
            "lamports": account.lamports,
            "owner": str(account.owner),
            "rentEpoch": _NEVER,
            "space": len(account.data),
        }

    def _parsed(account: Account) -> Any:
        parsed = _parse(account, lambda key: call.chain.account(key, block))
        if parsed is None:
            return _data(account.data[start:end], "base64")
        program = "spl-token-2022" if account.owner == TOKEN_2022 else "spl-token"
        return {"program": program, "parsed": parsed, "space": len(account.data)}

    return encode


def _data(data: bytes, encoding: str | None) -> Any:
    if encoding == "base64":
        return [base64.b64encode(data).decode(), "base64"]
    if len(data) > _MAX_BASE58_BYTES:
        raise invalid_request(
            f"Encoded binary (base 58) data should be less than {_MAX_BASE58_BYTES} bytes, please use Base64 encoding."
        )
    text = base58.encode(data)
    return text if encoding is None else [text, "base58"]


def _parse(account: Account, read: Callable[[Pubkey], Account | None]) -> dict[str, Any] | None:
    """A token account or a mint, in fields."""
    if found := token_account(account):
        token = mint(read(found.mint))
        decimals = token.decimals if token else 0
        info: dict[str, Any] = {
            "isNative": found.rent_exempt_reserve is not None,
            "mint": str(found.mint),
            "owner": str(found.owner),
            "state": found.state,
            "tokenAmount": amount_json(found.amount, decimals),
        }
        if found.delegate:
            info |= {"delegate": str(found.delegate), "delegatedAmount": amount_json(found.delegated_amount, decimals)}
        if found.rent_exempt_reserve is not None:
            info["rentExemptReserve"] = amount_json(found.rent_exempt_reserve, decimals)
        if found.close_authority:
            info["closeAuthority"] = str(found.close_authority)
        return {"type": "account", "info": info}
    if parsed := mint(account):
        info = {
            "decimals": parsed.decimals,
            "freezeAuthority": str(parsed.freeze_authority) if parsed.freeze_authority else None,
            "isInitialized": True,
            "mintAuthority": str(parsed.authority) if parsed.authority else None,
            "supply": str(parsed.supply),
        }
        return {"type": "mint", "info": info}
    return None


def _slice(value: Any) -> tuple[int, int | None]:
    if value is None:
        return 0, None
    options = Options(value, ("offset", "length"))
    offset, length = options.integer("offset"), options.integer("length")
    if offset is None or length is None:
        raise invalid_params("Invalid params: expected dataSlice with offset and length")
    return offset, offset + length


def _filters(values: Any) -> Callable[[Account], bool]:
    if not isinstance(values, list):
        raise invalid_params("Invalid params: expected filters as an array")
    if len(values) > _MAX_FILTERS:
        raise invalid_params(f"Too many filters provided; max {_MAX_FILTERS}")
    checks = [_filter(value) for value in values]
    return lambda account: all(check(account) for check in checks)


def _filter(value: Any) -> Callable[[Account], bool]:
    match value:
        case {"dataSize": size} if len(value) == 1:
            expected = natural(size, "dataSize")
            return lambda account: len(account.data) == expected
        case {"memcmp": dict(comparison)} if len(value) == 1:
            options = Options(comparison, ("offset", "bytes", "encoding"))
            offset = options.integer("offset")
            if offset is None:
                raise invalid_params("Invalid params: expected memcmp with an offset")
            encoding = options.choice("encoding", "base58", "base64") or "base58"
            wanted = binary(options.get("bytes"), encoding, "bytes")
            if len(wanted) > _MAX_COMPARED_BYTES:
                raise invalid_params("encoded binary data should be less than 128 bytes")
            return lambda account: account.data[offset : offset + len(wanted)] == wanted
    raise invalid_params(f"Invalid params: expected a filter dataSize or memcmp, was {str(value)[:100]}")


def _listed(
    found: dict[Pubkey, Account], accepts: Callable[[Account], bool], encode: Encode, context: Block | None
) -> Any:
    listed = [
        {"pubkey": str(key), "account": encode(account)} for key, account in sorted(found.items()) if accepts(account)
    ]
    return with_context(context, listed) if context else listed


METHODS: dict[str, Method] = {
    "getAccountInfo": get_account_info,
    "getBalance": get_balance,
    "getMultipleAccounts": get_multiple_accounts,
    "getProgramAccounts": get_program_accounts,
    "getTokenAccountBalance": get_token_account_balance,
    "getTokenAccountsByOwner": get_token_accounts_by_owner,
}
