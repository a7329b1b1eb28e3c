"""Methods that only a localnet has: its faucet, its faults, and its slots."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from localnet.chain import MAX_LAG
from localnet.faults import AT_SLOTS, KINDS, Fault
from localnet.market.tokens import TOKENS
from localnet.rpc.call import Call, Method
from localnet.rpc.errors import invalid_params
from localnet.rpc.params import Params

_MAX_SLOTS = 10_000
_MAX_AIRDROP = 2**63


def request_airdrop(call: Call, params: Params) -> str:
    """SOL, by the name that every test cluster has for it."""
    params.options(2, "commitment")
    lamports = params.integer(1, "lamports")
    _check_amount(lamports)
    return str(call.node.airdrop(params.address(0), lamports, TOKENS["SOL"]))


def airdrop(call: Call, params: Params) -> str:
    """An amount of a known token, in base units: address, amount, symbol. SOL is not wrapped."""
    params.limit(3)
    symbol = params.text(2, "a token's symbol")
    token = TOKENS.get(symbol)
    if token is None:
        raise invalid_params(f"Invalid params: expected one of {', '.join(TOKENS)}, was {symbol[:50]!r}")
    amount = params.integer(1, "an amount")
    _check_amount(amount)
    return str(call.node.airdrop(params.address(0), amount, token))


def tokens(call: Call, params: Params) -> list[dict[str, Any]]:
    """The known tokens: their symbols, mints and decimals."""
    params.limit(0)
    return [{"symbol": token.symbol, "mint": str(token.mint), "decimals": token.decimals} for token in TOKENS.values()]


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
    "localnet_fault": fault,
    "localnet_faults": faults,
    "localnet_tokens": tokens,
    "requestAirdrop": request_airdrop,
}
