"""The pages of the chain and of an address."""

from __future__ import annotations

from solders.account import Account
from solders.pubkey import Pubkey

from localnet.addresses import TOKEN_PROGRAMS
from localnet.chain import Commitment
from localnet.explorer.frame import address_link, facts, plain_link, section, table, token_link, transactions
from localnet.explorer.markup import Html, html
from localnet.explorer.names import Names, decimal
from localnet.node import Node
from localnet.tokens import Mint, TokenAccount, mint, token_account

_SHOWN = 50


def home_page(node: Node) -> Html:
    chain = node.chain
    rows = (
        ("Slot", f"{chain.tip.slot:,}"),
        ("Block height", f"{chain.tip.height:,}"),
        ("Finalized slot", f"{chain.block(Commitment.FINALIZED).slot:,}"),
        ("Transactions", f"{chain.transaction_count:,}"),
        ("Faucet", plain_link(node.faucet.address)),
        ("Genesis hash", html('<span class="mono">{it}</span>', it=chain.genesis_hash)),
    )
    return html(
        "<h1>A Solana on this machine</h1>{facts}{newest}",
        facts=facts(rows),
        newest=section("Newest transactions", transactions(chain.newest(_SHOWN))),
    )


def address_page(node: Node, address: Pubkey, names: Names) -> Html:
    chain = node.chain
    account = chain.runtime.get(address)
    tokens = _token_accounts(node, address)
    mentions = chain.mentions(address, chain.tip, None, None, _SHOWN)
    return html(
        '<h1>{title}</h1><p class="subject mono">{address}</p>{facts}{tokens}{transactions}',
        title=names.get(address) or "Address",
        address=address,
        facts=_facts(node, account, names),
        tokens=section("Tokens", _tokens(node, tokens, names)) if tokens else "",
        transactions=section("Transactions", transactions(mentions)),
    )


def _facts(node: Node, account: Account | None, names: Names) -> Html:
    if account is None:
        return Html('<p class="empty">No account has this address now</p>')
    rows: list[tuple[str, object]] = [
        ("Balance", f"{decimal(account.lamports, 9)} SOL"),
        ("Owner", address_link(account.owner, names)),
        ("Data", f"{len(account.data):,} bytes"),
    ]
    if account.executable:
        rows.append(("Executable", "yes"))
    if token := token_account(account):
        rows += [
            ("Token", token_link(token.mint, names)),
            ("Amount", decimal(token.amount, _decimals(node, token.mint))),
            ("Holder", address_link(token.owner, names)),
        ]
    elif found := mint(account):
        rows += _mint_rows(found, names)
    return facts(rows)


def _mint_rows(found: Mint, names: Names) -> list[tuple[str, object]]:
    authority = address_link(found.authority, names) if found.authority else "nobody"
    return [("Supply", decimal(found.supply, found.decimals)), ("May be minted by", authority)]


def _token_accounts(node: Node, owner: Pubkey) -> dict[Pubkey, TokenAccount]:
    return {
        key: token
        for program in TOKEN_PROGRAMS
        for key, account in sorted(node.chain.runtime.owned_by(program).items())
        if (token := token_account(account)) and token.owner == owner
    }


def _tokens(node: Node, tokens: dict[Pubkey, TokenAccount], names: Names) -> Html:
    rows = (
        (token_link(token.mint, names), address_link(key, names), decimal(token.amount, _decimals(node, token.mint)))
        for key, token in tokens.items()
    )
    return table(("Token", "Account", "Amount"), rows, numbers=1)


def _decimals(node: Node, address: Pubkey) -> int:
    found = mint(node.chain.runtime.get(address))
    return found.decimals if found else 0
