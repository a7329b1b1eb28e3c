"""What the chain has done to a wallet, read from its transactions without the engine's help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from localnet.addresses import TOKEN_PROGRAMS, WRAPPED_SOL
from localnet.commands import call
from localnet.market.tokens import TOKENS

_PAGE = 1_000
_CONFIRMED = {"commitment": "confirmed"}
_MINTS = {str(token.mint): symbol for symbol, token in TOKENS.items()} | {str(WRAPPED_SOL): "wSOL"}
"""The engine's symbol for each mint."""


class Landed(NamedTuple):
    """A transaction in a block. It has failed if it has not swapped.

    `changes` is what the wallet gained, in base units, with the fee and the rent of its new token accounts: both are in
    lamports.
    """

    signature: str
    swapped: bool
    fee: int
    rent: int
    changes: Mapping[str, int]


class Holdings(NamedTuple):
    """What a wallet holds of each token, in base units, and the lamports in its token accounts that are not wrapped."""

    tokens: Mapping[str, int]
    rent: int


class ChainWallet:
    """A wallet on a localnet. What is read is confirmed."""

    def __init__(self, url: str, address: str) -> None:
        self._url = url
        self.address = address

    def holdings(self) -> Holdings:
        held = Counter({"SOL": self._call("getBalance", self.address, _CONFIRMED)["value"]})
        rent = 0
        options = {"encoding": "jsonParsed", **_CONFIRMED}
        for program in TOKEN_PROGRAMS:
            owned = {"programId": str(program)}
            for entry in self._call("getTokenAccountsByOwner", self.address, owned, options)["value"]:
                info = entry["account"]["data"]["parsed"]["info"]
                symbol, amount = _MINTS[info["mint"]], int(info["tokenAmount"]["amount"])
                held[symbol] += amount
                rent += entry["account"]["lamports"] - (amount if symbol == "wSOL" else 0)
        return Holdings(held, rent)

    def landed(self) -> Iterator[Landed]:
        """Every transaction that names the wallet, whoever has sent it, newest first."""
        before: dict[str, str] = {}
        while page := self._call("getSignaturesForAddress", self.address, {"limit": _PAGE, **before, **_CONFIRMED}):
            for entry in page:
                yield self._transaction(entry["signature"])
            before = {"before": page[-1]["signature"]}

    def _transaction(self, signature: str) -> Landed:
        options = {"encoding": "json", "maxSupportedTransactionVersion": 0, **_CONFIRMED}
        answer = self._call("getTransaction", signature, options)
        message, meta = answer["transaction"]["message"], answer["meta"]
        looked_up = meta["loadedAddresses"]
        keys = [*message["accountKeys"], *looked_up["writable"], *looked_up["readonly"]]
        lamports = [after - before for before, after in zip(meta["preBalances"], meta["postBalances"], strict=True)]
        before, after = self._tokens(meta["preTokenBalances"]), self._tokens(meta["postTokenBalances"])
        changes = Counter({"SOL": lamports[keys.index(self.address)]})
        for sign, balances in ((-1, before), (1, after)):
            for symbol, amount in balances.values():
                changes[symbol] += sign * amount
        rent = 0
        for index, (symbol, amount) in after.items():
            if index not in before:
                rent += lamports[index] - (amount if symbol == "wSOL" else 0)
        return Landed(signature, meta["err"] is None, meta["fee"], rent, {key: n for key, n in changes.items() if n})

    def _tokens(self, balances: Any) -> dict[int, tuple[str, int]]:
        """The symbol and the amount of the wallet's token accounts, by their place among the transaction's accounts."""
        return {
            balance["accountIndex"]: (_MINTS[balance["mint"]], int(balance["uiTokenAmount"]["amount"]))
            for balance in balances
            if balance["owner"] == self.address
        }

    def _call(self, method: str, *params: Any) -> Any:
        return call(self._url, method, *params)
