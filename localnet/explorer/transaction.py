"""The page of a transaction: its instructions, what they changed, and what was logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from solders.pubkey import Pubkey

from localnet.chain import Commitment
from localnet.explorer.frame import NOTHING, address_link, certainty, facts, moment, result, section, table, token_link
from localnet.explorer.instructions import instructions, roles
from localnet.explorer.markup import Html, html
from localnet.explorer.names import Names, decimal
from localnet.ledger import Landed
from localnet.transactions import Keys, Transaction, decode, keys_from

_SOL_DECIMALS = 9
_BALANCES = ("Account", "Role", "Before", "After", "Change")
_TOKEN_BALANCES = ("Account", "Owner", "Token", "Before", "After", "Change")


def transaction_page(landed: Landed, commitment: Commitment, names: Names) -> Html:
    transaction, meta = decode(landed.wire), landed.meta
    loaded = ([Pubkey.from_string(key) for key in meta["loadedAddresses"][kind]] for kind in ("writable", "readonly"))
    keys = keys_from(transaction.message, *loaded)
    tokens = list(_tokens(meta, keys, names))
    return html(
        '<h1>Transaction</h1><p class="subject mono">{signature}</p>{parts}',
        signature=landed.signature,
        parts=(
            _facts(landed, transaction, commitment),
            section("Instructions", instructions(transaction.message, keys, meta, names)),
            section("Balances", table(_BALANCES, _lamports(meta, keys, names), numbers=3)),
            section("Token balances", table(_TOKEN_BALANCES, tokens, numbers=3)) if tokens else NOTHING,
            section("Logs", _logs(meta["logMessages"])),
        ),
    )


def _facts(landed: Landed, transaction: Transaction, commitment: Commitment) -> Html:
    return facts(
        (
            ("Result", result(landed.error)),
            ("Commitment", certainty(commitment)),
            ("Time", moment(landed.time)),
            ("Slot", f"{landed.slot:,}"),
            ("Fee", _sol(landed.meta["fee"])),
            ("Compute units", f"{landed.meta['computeUnitsConsumed']:,}"),
            ("Size", f"{len(landed.wire):,} bytes"),
            ("Version", str(transaction.version)),
            ("Blockhash", html('<span class="mono">{it}</span>', it=transaction.message.recent_blockhash)),
        )
    )


def _lamports(meta: dict[str, Any], keys: Keys, names: Names) -> Iterator[tuple[object, ...]]:
    balances = zip(keys.all, meta["preBalances"], meta["postBalances"], strict=True)
    for index, (key, before, after) in enumerate(balances):
        change = _change(after - before, _SOL_DECIMALS)
        yield address_link(key, names), roles(keys, index), _sol(before), _sol(after), change


def _tokens(meta: dict[str, Any], keys: Keys, names: Names) -> Iterator[tuple[object, ...]]:
    before, after = ({each["accountIndex"]: each for each in meta[f"{when}TokenBalances"]} for when in ("pre", "post"))
    for index in sorted(before.keys() | after.keys()):
        either = after.get(index) or before[index]
        decimals = either["uiTokenAmount"]["decimals"]
        held = [int(each[index]["uiTokenAmount"]["amount"]) if index in each else None for each in (before, after)]
        yield (
            address_link(keys.all[index], names),
            address_link(Pubkey.from_string(either["owner"]), names),
            token_link(Pubkey.from_string(either["mint"]), names),
            *("–" if amount is None else decimal(amount, decimals) for amount in held),
            _change((held[1] or 0) - (held[0] or 0), decimals),
        )


def _logs(lines: list[str]) -> Html:
    shown = (
        html('<span class="{kind}">{line}</span>\n', kind="error" if _is_error(line) else "", line=line)
        for line in lines
    )
    return html('<pre class="logs">{shown}</pre>', shown=shown)


def _is_error(line: str) -> bool:
    return " failed: " in line or "Error" in line


def _sol(lamports: int) -> str:
    return f"{decimal(lamports, _SOL_DECIMALS)} SOL"


def _change(amount: int, decimals: int) -> Html:
    if not amount:
        return NOTHING
    kind, sign = ("gain", "+") if amount > 0 else ("loss", "")
    return html('<span class="{kind}">{text}</span>', kind=kind, text=sign + decimal(amount, decimals))
