"""Clients' API keys: `python -m order_engine.commands.keys create-key NAME`, `list-keys` or `revoke-key ID`."""

from __future__ import annotations

import argparse
import sys
from uuid import UUID

from order_engine import settings
from order_engine.domain.orders import rfc3339
from order_engine.storage.clients import ClientStore
from order_engine.storage.database import Database


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m order_engine.commands.keys", description="Clients' API keys.")
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create-key", help="make a key, and its client if there is none of that name")
    create.add_argument("name", help="of the client; it may have several keys, to change from one to the next")
    actions.add_parser("list-keys", help="show every key's id, client, beginning, and when it was made and revoked")
    revoke = actions.add_parser("revoke-key", help="let nobody in with a key any more")
    revoke.add_argument("id", type=UUID)
    arguments = parser.parse_args()
    clients = ClientStore(Database(settings.required("DATABASE_URL")))
    match arguments.action:
        case "create-key":
            try:
                print(clients.create_key(arguments.name))
            except ValueError as error:
                sys.exit(str(error))
            print("It is shown only now.", file=sys.stderr)
        case "list-keys":
            for key in clients.list_keys():
                revoked = f"revoked {rfc3339(key.revoked_at)}" if key.revoked_at else ""
                print(f"{key.id}  {key.prefix}…  {rfc3339(key.created_at)}  {key.client}  {revoked}".rstrip())
        case "revoke-key":
            if not clients.revoke(arguments.id):
                sys.exit(f"expected the id of a key, was {arguments.id}")


if __name__ == "__main__":
    main()
