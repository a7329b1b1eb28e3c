"""What all pages have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from solders.pubkey import Pubkey
from solders.signature import Signature

from localnet.chain import Commitment
from localnet.explorer.markup import Html, html
from localnet.explorer.names import Names
from localnet.ledger import Mention
from localnet.rpc.errors import error_text

NOTHING = Html("")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Localnet</title>
<link rel="stylesheet" href="/explorer.css">
</head>
<body>
<header class="top">
<a class="brand" href="/">Localnet <span>explorer</span></a>
<form action="/search" role="search">
<input name="q" type="search" placeholder="Signature or address" aria-label="Signature or address" spellcheck="false">
<button>Search</button>
</form>
</header>
<main>
{content}
</main>
</body>
</html>
"""


def page(title: str, content: Html) -> Html:
    return html(_PAGE, title=title, content=content)


def facts(rows: Iterable[tuple[str, object]]) -> Html:
    """A list of names and values."""
    entries = (html("<div><dt>{name}</dt><dd>{value}</dd></div>", name=name, value=value) for name, value in rows)
    return html('<dl class="facts">{entries}</dl>', entries=entries)


def section(title: str, content: Html) -> Html:
    return html("<section><h2>{title}</h2>{content}</section>", title=title, content=content)


def table(heads: Iterable[str], rows: Iterable[Iterable[object]], numbers: int = 0) -> Html:
    """A table whose last columns, as many as `numbers`, are set to the right."""
    heads = list(heads)
    classes = ["number" if index >= len(heads) - numbers else "" for index in range(len(heads))]

    def cells(tag: str, values: Iterable[object]) -> Iterable[Html]:
        for value, kind in zip(values, classes, strict=True):
            yield html(f'<{tag} class="{{kind}}">{{value}}</{tag}>', kind=kind, value=value)

    return html(
        '<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>',
        head=cells("th", heads),
        body=(html("<tr>{cells}</tr>", cells=cells("td", row)) for row in rows),
    )


def address_link(address: Pubkey, names: Names) -> Html:
    """The address, and its name if it has one."""
    name = names.get(address)
    link = plain_link(address)
    return html('<span class="name">{name}</span>{link}', name=name, link=link) if name else link


def plain_link(address: Pubkey) -> Html:
    return html('<a class="mono" href="/address/{address}">{address}</a>', address=address)


def token_link(mint: Pubkey, names: Names) -> Html:
    """A known token's symbol, or the mint."""
    symbol = names.symbol(mint)
    if symbol is None:
        return address_link(mint, names)
    return html('<a href="/address/{mint}">{symbol}</a>', mint=mint, symbol=symbol)


def signature_link(signature: Signature) -> Html:
    return html('<a class="mono" href="/tx/{signature}">{signature}</a>', signature=signature)


def result(error: Any) -> Html:
    if error is None:
        return Html('<span class="badge succeeded">Success</span>')
    return html('<span class="badge failed">Failed</span> {text}', text=error_text(error))


def certainty(commitment: Commitment) -> Html:
    return html('<span class="badge">{name}</span>', name=commitment.capitalize())


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def transactions(mentions: list[Mention]) -> Html:
    if not mentions:
        return Html('<p class="empty">No transactions</p>')
    return table(
        ("Signature", "Result", "Time", "Slot"),
        (
            (signature_link(mention.signature), result(mention.error), moment(mention.time), f"{mention.slot:,}")
            for mention in mentions
        ),
        numbers=1,
    )
