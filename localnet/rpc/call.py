"""What a method is given: the chain as a node sees it that may lag behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from localnet.chain import Chain
from localnet.ledger import Block
from localnet.node import Node
from localnet.rpc.errors import context_slot_not_reached
from localnet.rpc.params import Options, Params

API_VERSION = "3.0.0"
"""The version of Agave whose answers these are."""


class Call(NamedTuple):
    """One call of a method."""

    node: Node
    behind: int
    """By how many blocks the node lags behind in this call."""

    @property
    def chain(self) -> Chain:
        return self.node.chain

    def view(self, options: Options, name: str = "commitment") -> Block:
        """The block that the caller asks about. Raises `RpcError` if it is older than the caller accepts."""
        block = self.chain.block(options.commitment(name), self.behind)
        least = options.integer("minContextSlot")
        if least is not None and block.slot < least:
            raise context_slot_not_reached(block.slot)
        return block


Method: TypeAlias = Callable[[Call, Params], Any]
"""Answers a call with what JSON can hold. Raises `RpcError`."""


def with_context(block: Block, value: Any) -> dict[str, Any]:
    return {"context": {"apiVersion": API_VERSION, "slot": block.slot}, "value": value}
