"""Manages key files of the engine's wallet, in the format of `solana-keygen`.

`python -m order_engine.commands.wallet create PATH` or `address PATH`. Both print the wallet's address.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from order_engine.solana.addresses import encode
from order_engine.solana.signing import Keypair, WalletKeyError


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m order_engine.commands.wallet", description="Manages key files of the engine's wallet."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a new key in a new file, readable by you only")
    address = actions.add_parser("address", help="print the address of the wallet whose key is in a file")
    for action in (create, address):
        action.add_argument("path", type=Path)
    arguments = parser.parse_args()
    try:
        key = Keypair.create(arguments.path) if arguments.action == "create" else Keypair.from_file(arguments.path)
    except WalletKeyError as error:
        sys.exit(str(error))
    print(encode(key.address))


if __name__ == "__main__":
    main()
