"""What the explorer calls instructions, and how it writes amounts."""

from __future__ import annotations

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from localnet.addresses import ASSOCIATED_TOKEN, MEMO, SYSTEM, TOKEN
from localnet.explorer.markup import Html, html
from localnet.explorer.names import Described, Names, decimal, describe
from localnet.market.tokens import TOKENS
from tests.support.localnet import transfer_of

NAMES = Names({})
AMM_V4 = Pubkey.from_string("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
PAYMENT = transfer_of(Keypair(), MEMO, 1_500_000_000).data
LIMIT, PRICE = set_compute_unit_limit(200_000), set_compute_unit_price(5_000)
USDC = [Pubkey.new_unique(), TOKENS["USDC"].mint, Pubkey.new_unique()]


@pytest.mark.parametrize(
    ("program", "accounts", "data", "name", "details"),
    [
        (SYSTEM, [], PAYMENT, "Transfer", "1.5 SOL"),
        (SYSTEM, [], b"\x08\0\0\0", "Allocate", ""),
        (SYSTEM, [], b"\x08", "Instruction", ""),
        (TOKEN, USDC, b"\x0c" + (7).to_bytes(8, "little") + b"\x06", "Transfer checked", "0.000007 USDC"),
        (TOKEN, [], b"\x0c" + (7).to_bytes(8, "little") + b"\x06", "Transfer checked", "0.000007"),
        (TOKEN, [], b"\x03" + (7_000).to_bytes(8, "little"), "Transfer", "7,000 base units"),
        (TOKEN, [], b"\x11", "Sync native", ""),
        (TOKEN, [], b"\x0c", "Transfer checked", ""),
        (TOKEN, [], b"\xff", "Instruction 255", ""),
        (ASSOCIATED_TOKEN, [], b"", "Create", ""),
        (ASSOCIATED_TOKEN, [], b"\x01", "Create idempotent", ""),
        (LIMIT.program_id, [], LIMIT.data, "Set compute unit limit", "200,000 units"),
        (PRICE.program_id, [], PRICE.data, "Set compute unit price", "5,000 micro-lamports"),
        (MEMO, [], b"an order \xff", "Memo", "an order �"),
        (AMM_V4, [], b"\x09" + bytes(16), "Swap base in", ""),
        (Pubkey.new_unique(), [], b"", "Instruction", ""),
    ],
)
def test_instructions_have_names(program: Pubkey, accounts: list[Pubkey], data: bytes, name: str, details: str) -> None:
    assert describe(program, accounts, data, None, NAMES) == Described(name, details)


def test_a_program_names_its_instruction_itself() -> None:
    assert describe(Pubkey.new_unique(), [], b"", "Swap2", NAMES) == Described("Swap2")


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [(0, 9, "0"), (1, 9, "0.000000001"), (1_234_567_890, 6, "1,234.56789"), (-1_500, 3, "−1.5"), (1_000, 0, "1,000")],
)
def test_amounts_are_whole_tokens(amount: int, decimals: int, text: str) -> None:
    assert decimal(amount, decimals) == text


def test_everything_is_escaped_that_is_not_markup() -> None:
    row = html("<b>{text}</b>", text='<i class="x">')
    assert row == "<b>&lt;i class=&quot;x&quot;&gt;</b>"
    assert html("{rows}{none}", rows=[row, "&"], none=Html("")) == f"{row}&amp;"
