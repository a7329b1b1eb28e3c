"""A transaction's instructions, with those that they called."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from solders.message import Message, MessageV0
from solders.pubkey import Pubkey

from localnet import base58, logs
from localnet.explorer.frame import NOTHING, address_link, table
from localnet.explorer.markup import Html, html
from localnet.explorer.names import Names, describe
from localnet.transactions import Keys

_SAID = "Program log: Instruction: "
_INSTRUCTION = """<li><h3>{name} <span class="details">{details}</span></h3>
<p>{program}</p>{accounts}{data}{inner}</li>"""


def instructions(message: Message | MessageV0, keys: Keys, meta: dict[str, Any], names: Names) -> Html:
    inner = {each["index"]: each["instructions"] for each in meta["innerInstructions"]}
    listing = _Listing(keys, names)
    items = [
        listing.item(
            keys.all[instruction.program_id_index],
            list(instruction.accounts),
            instruction.data,
            said,
            [listing.call(call) for call in inner.get(index, ())],
        )
        for index, (instruction, said) in enumerate(zip(message.instructions, _said(message, keys, meta), strict=True))
    ]
    return html('<ol class="instructions">{items}</ol>', items=items)


def roles(keys: Keys, index: int) -> str:
    """What a transaction may do with an account."""
    all_roles = {
        "Fee payer": index == 0,
        "Signer": keys.is_signer(index),
        "Writable": keys.is_writable(index),
    }
    return ", ".join(role for role, is_so in all_roles.items() if is_so)


class _Listing:
    def __init__(self, keys: Keys, names: Names) -> None:
        self._keys = keys
        self._names = names

    def item(
        self, program: Pubkey, accounts: Sequence[int], data: bytes, said: str | None, calls: Sequence[Html]
    ) -> Html:
        described = describe(program, [self._keys.all[index] for index in accounts], data, said, self._names)
        return html(
            _INSTRUCTION,
            name=described.name,
            details=described.details,
            program=address_link(program, self._names),
            accounts=self._accounts(accounts) if accounts else NOTHING,
            data=_folded(f"{len(data)} bytes of data", html('<pre class="data">{it}</pre>', it=data.hex(" "))),
            inner=html('<ol class="inner">{calls}</ol>', calls=calls) if calls else NOTHING,
        )

    def call(self, call: dict[str, Any]) -> Html:
        return self.item(
            self._keys.all[call["programIdIndex"]], call["accounts"], base58.decode(call["data"]), None, ()
        )

    def _accounts(self, accounts: Sequence[int]) -> Html:
        rows = (
            (str(number), address_link(self._keys.all[account], self._names), roles(self._keys, account))
            for number, account in enumerate(accounts, 1)
        )
        return _folded(f"{len(accounts)} accounts", table(("#", "Account", "Role"), rows))


def _said(message: Message | MessageV0, keys: Keys, meta: dict[str, Any]) -> Iterator[str | None]:
    """What the programs have called the instructions themselves, in the log."""
    sections = deque(logs.sections(meta["logMessages"]))
    for instruction in message.instructions:
        said = None
        if sections and sections[0].program == keys.all[instruction.program_id_index]:
            first = sections.popleft().lines[1:2]
            said = first[0].removeprefix(_SAID) if first and first[0].startswith(_SAID) else None
        yield said


def _folded(summary: str, content: Html) -> Html:
    return html("<details><summary>{summary}</summary>{content}</details>", summary=summary, content=content)
