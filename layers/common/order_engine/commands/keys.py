"""Manages API keys: `python -m order_engine.commands.keys create-key NAME`, `list-keys` or `revoke-key ID`."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import sys
from datetime import UTC, datetime
from uuid import UUID

from order_engine.bootstrap import settings
from order_engine.domain.access import ApiKey, Scope
from order_engine.domain.timestamps import parse_rfc3339, rfc3339
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m order_engine.commands.keys", description="Manages the API keys of clients."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create-key", help="create a key, and its client if it does not exist")
    create.add_argument(
        "name", help="the client's name; a client may have several keys, to change from one to the next"
    )
    create.add_argument(
        "--scope",
        choices=[*Scope],
        default=Scope.TRADE.value,
        help="read: see orders and quotes; trade: also submit, replace and cancel orders; admin: also manage the"
        " client's keys over the API",
    )
    create.add_argument("--expires", metavar="TIME", help="when the key expires, such as 2027-01-31T00:00:00Z")
    actions.add_parser(
        "list-keys", help="list every key: its id, beginning, scope, client, and what has been done with it by whom"
    )
    revoke = actions.add_parser("revoke-key", help="revoke a key")
    revoke.add_argument("id", type=UUID)
    arguments = parser.parse_args()
    clients = PostgresClientStore(Database(settings.required("DATABASE_URL")))
    match arguments.action:
        case "create-key":
            try:
                expires_at = arguments.expires and parse_rfc3339(arguments.expires)
                print(clients.create_key(arguments.name, Scope(arguments.scope), expires_at, _user()))
            except ValueError as error:
                sys.exit(str(error))
            print("Store it now: it cannot be shown again.", file=sys.stderr)
        case "list-keys":
            for key in clients.list_keys():
                print(_line(key, datetime.now(UTC)))
        case "revoke-key":
            if not clients.revoke(arguments.id, actor=_user()):
                sys.exit(f"no key with id {arguments.id}")


def _user() -> str:
    """The user of this machine, for the audit."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"user {name}@{socket.gethostname()}"


def _line(key: ApiKey, now: datetime) -> str:
    facts = []
    if key.revoked_at:
        facts.append(f"revoked {rfc3339(key.revoked_at)}{_by(key.revoked_by)}")
    if key.expires_at:
        facts.append(f"{'expired' if key.expires_at <= now else 'expires'} {rfc3339(key.expires_at)}")
    facts.append(f"used {rfc3339(key.last_used_at)}" if key.last_used_at else "never used")
    facts.append(f"created {rfc3339(key.created_at)}{_by(key.created_by)}")
    return f"{key.id}  {key.prefix}…  {key.scope:5}  {key.client}  {', '.join(facts)}"


def _by(actor: str | None) -> str:
    return f" by {actor}" if actor else ""


if __name__ == "__main__":
    main()
