"""Methods that only a localnet has: its faucet, its faults, and its slots."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from localnet.chain import MAX_LAG
from localnet.faults import AT_SLOTS, KINDS, Fault
from localnet.market.new_tokens import PROGRAMS, CreationError
from localnet.market.tokens import TOKENS, Token
from localnet.rpc.call import Call, Method
from localnet.rpc.errors import invalid_params
from localnet.rpc.params import Params

_MAX_SLOTS = 10_000
_MAX_AIRDROP = 2**63
_MAX_DECIMALS = 18


def request_airdrop(call: Call, params: Params) -> str:
    """SOL, by the name that every test cluster has for it."""
    params.options(2, "commitment")
    lamports = params.integer(1, "lamports")
    _check_amount(lamports)
    return str(call.node.airdrop(params.address(0), lamports, TOKENS["SOL"]))


def airdrop(call: Call, params: Params) -> str:
    """An amount of a known token, in base units: address, amount, symbol. SOL is not wrapped."""
    params.limit(3)
    token = _token(params, 2)
    amount = params.integer(1, "an amount")
    _check_amount(amount)
    return str(call.node.airdrop(params.address(0), amount, token))


def tokens(call: Call, params: Params) -> list[dict[str, Any]]:
    """The known tokens: their symbols, mints and decimals."""
    params.limit(0)
    return [{"symbol": token.symbol, "mint": str(token.mint), "decimals": token.decimals} for token in TOKENS.values()]


def create_mint(call: Call, params: Params) -> str:
    """Makes a new token: `decimals`, 6 if not given, and `freezeAuthority`. Returns its mint."""
    options = params.options(0, "decimals", "freezeAuthority")
    decimals = options.integer("decimals")
    decimals = _between("decimals", 6 if decimals is None else decimals, 0, _MAX_DECIMALS)
    return str(call.node.create_mint(decimals, can_freeze=options.flag("freezeAuthority")))


def create_pool(call: Call, params: Params) -> str:
    """Makes a pool: a mint and its amount, a known token and its amount, a program. Returns the pool's address."""
    params.limit(5)
    amounts = params.integer(1, "an amount"), params.integer(3, "an amount")
    for amount in amounts:
        _check_amount(amount)
    program = params.get(4, "a program", "raydium_cp")
    if program not in PROGRAMS:
        raise invalid_params(f"Invalid params: expected one of {', '.join(PROGRAMS)}, was {str(program)[:50]!r}")
    try:
        return str(call.node.create_pool(program, params.address(0, "a mint"), _token(params, 2), amounts))
    except CreationError as error:
        raise invalid_params(f"Invalid params: {error}") from None


def advance(call: Call, params: Params) -> int:
    """Lets slots pass at once. Returns the new slot."""
    params.limit(1)
    slots = params.integer(0, "a number of slots", 1)
    if not 1 <= slots <= _MAX_SLOTS:
        raise invalid_params(f"Invalid params: expected 1 to {_MAX_SLOTS} slots, was {slots}")
    call.node.advance(slots)
    return call.chain.tip.slot


def fault(call: Call, params: Params) -> list[dict[str, Any]]:
    """Puts a fault in force: its kind, and `times`, `percent`, `slots`, `deep`. Returns those in force."""
    kind = params.text(0, "a kind")
    if kind not in KINDS:
        raise invalid_params(f"Invalid params: expected one of {', '.join(KINDS)}, was {kind[:50]!r}")
    options = params.options(1, "times", "percent", "slots", "deep")
    times, percent, slots = options.integer("times"), options.integer("percent"), options.integer("slots")
    fault = Fault(
        kind=next(known for known in KINDS if known == kind),
        times=_between("times", times, 1, 1_000_000) if times is not None else 1 if kind in AT_SLOTS else None,
        percent=_between("percent", 100 if percent is None else percent, 1, 100),
        slots=_between("slots", 10 if slots is None else slots, 1, MAX_LAG),
        deep=options.flag("deep"),
    )
    call.node.add_fault(fault)
    return faults(call, Params([]))


def faults(call: Call, params: Params) -> list[dict[str, Any]]:
    """The faults in force."""
    params.limit(0)
    return [asdict(fault) for fault in call.node.faults]


def clear(call: Call, params: Params) -> list[dict[str, Any]]:
    """Ends all faults."""
    call.node.faults.clear()
    return faults(call, params)


def calls(call: Call, params: Params) -> dict[str, int]:
    """How often each method was called since the start."""
    params.limit(0)
    return dict(call.node.calls)


def _token(params: Params, index: int) -> Token:
    symbol = params.text(index, "a token's symbol")
    if symbol not in TOKENS:
        raise invalid_params(f"Invalid params: expected one of {', '.join(TOKENS)}, was {symbol[:50]!r}")
    return TOKENS[symbol]


def _check_amount(amount: int) -> None:
    _between("an amount", amount, 1, _MAX_AIRDROP)


def _between(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise invalid_params(f"Invalid params: expected {name} from {least} to {most}, was {value}")
    return value


METHODS: dict[str, Method] = {
    "localnet_advance": advance,
    "localnet_airdrop": airdrop,
    "localnet_calls": calls,
    "localnet_clear": clear,
    "localnet_createMint": create_mint,
    "localnet_createPool": create_pool,
    "localnet_fault": fault,
    "localnet_faults": faults,
    "localnet_tokens": tokens,
    "requestAirdrop": request_airdrop,
}
