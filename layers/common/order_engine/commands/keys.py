"""Manages API keys: `python -m order_engine.commands.keys create-key NAME`, `list-keys` or `revoke-key ID`."""

from __future__ import annotations

import argparse
import sys
from uuid import UUID

from order_engine.bootstrap import settings
from order_engine.domain.timestamps import rfc3339
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
    actions.add_parser(
        "list-keys", help="list every key: its id, beginning, client, and when it was created and revoked"
    )
    revoke = actions.add_parser("revoke-key", help="revoke a key")
    revoke.add_argument("id", type=UUID)
    arguments = parser.parse_args()
    clients = PostgresClientStore(Database(settings.required("DATABASE_URL")))
    match arguments.action:
        case "create-key":
            try:
                print(clients.create_key(arguments.name))
            except ValueError as error:
                sys.exit(str(error))
            print("Store it now: it cannot be shown again.", file=sys.stderr)
        case "list-keys":
            for key in clients.list_keys():
                revoked = f"revoked {rfc3339(key.revoked_at)}" if key.revoked_at else ""
                print(f"{key.id}  {key.prefix}…  {rfc3339(key.created_at)}  {key.client}  {revoked}".rstrip())
        case "revoke-key":
            if not clients.revoke(arguments.id):
                sys.exit(f"no key with id {arguments.id}")


if __name__ == "__main__":
    main()
