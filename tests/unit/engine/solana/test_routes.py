"""The transactions of routes in the recorded pools, with solders as a second opinion, and whether they fit."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta as SoldersMeta
from solders.instruction import Instruction as SoldersInstruction
from solders.keypair import Keypair as SoldersKeypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from order_engine.dex.errors import DexError
from order_engine.dex.routing import Hop, Leg, Listing
from order_engine.domain.errors import ChainRefused, UnsupportedPool
from order_engine.domain.quotes import PlannedSwap, Quote
from order_engine.solana.addresses import associated_token_account, encode
from order_engine.solana.limits import TransactionLimits
from order_engine.solana.lookup_tables import LookupTables
from order_engine.solana.messages import LOOKUP_TABLE_PROGRAM, MAX_TRANSACTION_BYTES, LookupTable, serialize
from order_engine.solana.nodes import Nodes
from order_engine.solana.programs.program import ProgramPool
from order_engine.solana.rpc import Rpc
from order_engine.solana.signing import Keypair
from order_engine.solana.transactions import Draft, draft
from tests.support.deployments import MAINNET
from tests.support.solana_node import FakeNode
from tests.unit.engine.solana.array_samples import ClmmSample, DlmmSample
from tests.unit.engine.solana.recordings import accounts_of, address_of, clock_of, documents, needed, recordings

KEY = bytes(SoldersKeypair.from_seed(bytes([9] * 32)))
WALLET = Keypair(KEY)
ORDER = UUID("01a1fa72-0b07-7468-9d18-a3aa29f91511")
BLOCKHASH = bytes(range(32))
AMOUNT = 10**7
KINDS = ("raydium_cp", "raydium_amm_v4", "raydium_clmm", "meteora_dlmm", "meteora_damm_v2")


class Known(NamedTuple):
    """A recorded pool of known tokens, before its first swap."""

    name: str
    pool: ProgramPool
    symbols: tuple[str, str]
    now: int

    @property
    def listing(self) -> Listing:
        return Listing(encode(self.pool.address), self.name, *self.symbols, slot=7, pool=self.pool.state)

    def leg(self, token_in: str, amount_in: int) -> Leg:
        return Leg(self.listing, self.pool.state.quote(amount_in, token_in == self.symbols[0], self.now))


def known_pools() -> Iterator[Known]:
    for kind in KINDS:
        for recording in recordings(kind) if kind in documents() else ():
            key, accounts, clock = address_of(recording.pool), accounts_of(recording.pool), clock_of(recording.pool)
            try:
                pool = recording.program.decode(key, needed(recording.program, key, accounts), clock)
            except UnsupportedPool:
                continue
            if {*pool.mints} <= MAINNET.symbols.keys():
                symbols = MAINNET.symbols[pool.mints[0]], MAINNET.symbols[pool.mints[1]]
                yield Known(f"{kind}-{recording.pool['name']}", pool, symbols, clock.unix_timestamp)


POOLS = {pool.name: pool for pool in known_pools()}


def hop(token_in: str, amount_in: int, *names: str) -> Hop:
    """A hop that splits the amount evenly between pools."""
    legs = tuple(POOLS[name].leg(token_in, amount_in // len(names)) for name in names)
    token_out = next(symbol for symbol in POOLS[names[0]].symbols if symbol != token_in)
    return Hop(token_in, token_out, legs)


def drafted(*hops: Hop, tables: Sequence[LookupTable] = ()) -> Draft:
    swaps = [
        PlannedSwap(
            leg.listing.venue, leg.listing.id, hop.token_in, hop.token_out, leg.swap.amount_in, leg.swap.amount_out
        )
        for hop in hops
        for leg in hop.legs
    ]
    quote = Quote(hops[0].token_in, hops[-1].token_out, hops[0].amount_in, hops[-1].amount_out, tuple(swaps), 7, 1e10)
    pools = {encode(known.pool.address): known.pool for known in POOLS.values()}
    found = draft(
        quote, 1, ORDER, wallet=WALLET.address, deployment=MAINNET, pools=pools, rent=2_039_280, tables=tables
    )
    return found.with_budget(200_000, 1_000)


def does_compile(*hops: Hop) -> bool:
    try:
        drafted(*hops).message(BLOCKHASH)
    except ChainRefused:
        return False
    return True


def by_solders(found: Draft) -> bytes:
    """The message of the same instructions, as solders compiles it."""
    instructions = [
        SoldersInstruction(
            Pubkey(program), data, [SoldersMeta(Pubkey(key), signer, writable) for key, signer, writable in accounts]
        )
        for program, accounts, data in (step.instruction for step in found.steps)
    ]
    tables = [
        AddressLookupTableAccount(Pubkey(table.address), [*map(Pubkey, table.addresses)]) for table in found.tables
    ]
    return to_bytes_versioned(MessageV0.try_compile(Pubkey(found.wallet), instructions, tables, Hash(BLOCKHASH)))


NO_TABLES = LookupTables(Rpc(Nodes("http://127.0.0.1:1")))


def limits(tables: LookupTables = NO_TABLES) -> TransactionLimits:
    pools = {encode(known.pool.address): known.pool for known in POOLS.values()}
    return TransactionLimits(MAINNET, pools.__getitem__, tables)


SINGLE = [(name, symbol) for name, known in POOLS.items() for symbol in known.symbols]
SOL_USDC = [f"{kind}-sol_usdc" for kind in KINDS if f"{kind}-sol_usdc" in POOLS]
USDC_USDT = [name for name in POOLS if name.endswith("usdc_usdt")]


@pytest.mark.parametrize(("name", "token_in"), SINGLE)
def test_one_swap_fits_and_is_what_solders_makes_of_it(name: str, token_in: str) -> None:
    route = hop(token_in, AMOUNT, name)
    found = drafted(route)
    message = found.message(BLOCKHASH)
    assert message == by_solders(found)
    wire = serialize([WALLET.sign(message)], message)
    assert VersionedTransaction.from_bytes(wire).verify_with_results() == [True]
    assert len(wire) <= MAX_TRANSACTION_BYTES
    assert limits().fits([route])


ROUTES = {
    **{"+".join(pair): [("SOL", pair)] for pair in combinations(SOL_USDC, 2)},
    **{f"{'+'.join(pair)} back": [("USDC", pair)] for pair in combinations(SOL_USDC, 2)},
    **{f"{one} > {two}": [("SOL", [one]), ("USDC", [two])] for one, two in product(SOL_USDC, USDC_USDT)},
    "all at once": [("SOL", SOL_USDC)],
}


@pytest.mark.parametrize("names", ROUTES.values(), ids=ROUTES)
def test_the_limits_are_those_of_the_transaction(names: Sequence[tuple[str, Sequence[str]]]) -> None:
    route, amount = [], AMOUNT
    for token_in, pools in names:
        route.append(hop(token_in, amount, *pools))
        amount = route[-1].amount_out
    found = drafted(*route)
    message = by_solders(found)
    does_fit = len(serialize([bytes(64)], message)) <= MAX_TRANSACTION_BYTES
    assert limits().fits(route) is does_fit
    if does_fit:
        assert found.message(BLOCKHASH) == message
    else:
        with pytest.raises(ChainRefused, match="expected a transaction of at most 1232 bytes"):
            found.message(BLOCKHASH)


ASKED = limits()
"""Its answers are kept from one example to the next."""


@given(data=st.data())
def test_a_route_fits_if_its_transaction_compiles(data: st.DataObject) -> None:
    token, amount = data.draw(st.sampled_from(sorted(MAINNET.symbols.values()))), data.draw(st.integers(4, 10**9))
    route: list[Hop] = []
    for _ in range(data.draw(st.integers(1, 2))):
        pairs: dict[tuple[str, str], list[str]] = {}
        for name, known in POOLS.items():
            if token in known.symbols and not (route and {*known.symbols} == {route[0].token_in, token}):
                pairs.setdefault(known.symbols, []).append(name)
        assume(pairs)
        names = pairs[data.draw(st.sampled_from(sorted(pairs)))]
        try:
            route.append(hop(token, amount, *data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))))
        except (DexError, ValueError):
            assume(False)
        token, amount = route[-1].token_out, route[-1].amount_out
    assert ASKED.fits(route) is does_compile(*route)


@pytest.mark.parametrize("kind", [ClmmSample, DlmmSample])
@pytest.mark.parametrize("a_to_b", [True, False])
def test_the_arrays_that_a_swap_passes_are_counted(
    kind: type[ClmmSample | DlmmSample], a_to_b: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = kind(at=0, numbers=range(-30, 31))
    pool = sample.with_arrays(sample.numbers)
    mint_a, mint_b = pool.mints
    symbols = MAINNET.symbols[mint_a], MAINNET.symbols[mint_b]
    monkeypatch.setitem(POOLS, "arrays", Known("arrays", pool, symbols, sample.clock.unix_timestamp))
    asked, token_in = limits(), symbols[not a_to_b]
    most = pool.state.max_input(a_to_b, sample.clock.unix_timestamp)
    fitting = []
    for amount in (100, most, most // 20, 100):
        route = hop(token_in, amount, "arrays")
        fitting.append(asked.fits([route]))
        assert fitting[-1] is does_compile(route)
    assert fitting == [True, False, True, True]


@pytest.mark.skipif(len(SOL_USDC) < 4, reason="the recorded pools are others")
def test_four_swaps_fit_with_a_lookup_table(node: FakeNode) -> None:
    route = hop("SOL", AMOUNT, *SOL_USDC[:4])
    of_the_pools = {
        meta.address for step in drafted(route).steps for meta in step.instruction.accounts if not meta.signer
    }
    of_the_pools -= {associated_token_account(WALLET.address, mint) for mint in MAINNET.symbols}
    table = LookupTable(bytes([5] * 32), tuple(sorted(of_the_pools)))
    data = (1).to_bytes(4, "little") + b"\xff" * 8 + bytes(44) + b"".join(table.addresses)
    node.results["getMultipleAccounts"] = {
        "context": {"slot": 7},
        "value": [{"owner": encode(LOOKUP_TABLE_PROGRAM), "lamports": 1, "data": [b64encode(data).decode(), "base64"]}],
    }
    tables = LookupTables(Rpc(Nodes(node.url)), [table.address])
    assert tables.read() == [table]
    assert not limits().fits([route])
    assert limits(tables).fits([route])
    found = drafted(route, tables=tables.read())
    assert found.message(BLOCKHASH) == by_solders(found)
    assert len(node.calls) == 1


def test_an_account_that_is_no_lookup_table_is_refused_by_name(node: FakeNode) -> None:
    node.results["getMultipleAccounts"] = {"context": {"slot": 7}, "value": [None]}
    address = bytes([5] * 32)
    with pytest.raises(ChainRefused, match=f"expected lookup table {encode(address)}, was no account"):
        LookupTables(Rpc(Nodes(node.url)), [address]).read()
