"""A message whose accounts do not come from lookup tables, for other instructions on the same accounts.

The token programs run in place of stand-ins, and no program may come from a lookup table.
"""

from __future__ import annotations

from collections.abc import Sequence

from solders.instruction import CompiledInstruction
from solders.message import Message, MessageHeader, MessageV0

from localnet.runtime import Inner, Run
from localnet.transactions import Keys


class FlatMessage:
    """The accounts of a message, in the order that their rights give them when all are its own."""

    def __init__(self, message: Message | MessageV0, keys: Keys) -> None:
        own = len(message.account_keys)
        loaded = own + len(keys.writable)
        readonly = own - keys.readonly_others
        # Where each account of the flat message is in the other one.
        self._order = [*range(readonly), *range(own, loaded), *range(readonly, own), *range(loaded, len(keys.all))]
        self._place = {index: place for place, index in enumerate(self._order)}
        self._keys = [keys.all[index] for index in self._order]
        self._header = MessageHeader(keys.signers, keys.readonly_signers, keys.readonly_others + len(keys.readonly))
        self._blockhash = message.recent_blockhash

    def holding(self, instructions: Sequence[CompiledInstruction]) -> MessageV0:
        moved = [_moved(instruction, self._place) for instruction in instructions]
        return MessageV0(self._header, self._keys, self._blockhash, moved, [])

    def restored(self, run: Run) -> Run:
        """What running such a message came to, with the accounts counted as in the other one."""
        order = dict(enumerate(self._order))
        inner = [[Inner(_moved(call.instruction, order), call.height) for call in calls] for calls in run.inner]
        error = run.error
        match error:
            case {"InsufficientFundsForRent": {"account_index": place}}:
                error = {"InsufficientFundsForRent": {"account_index": order[place]}}
        return run._replace(error=error, inner=inner)


def _moved(instruction: CompiledInstruction, places: dict[int, int]) -> CompiledInstruction:
    accounts = bytes(places[index] for index in instruction.accounts)
    return CompiledInstruction(places[instruction.program_id_index], instruction.data, accounts)
