"""Reads the engine's transactions by @solana/web3.js, from npm. `npm ci --prefix tests/npm` installs it."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from order_engine.solana.addresses import decode
from order_engine.solana.messages import serialize
from order_engine.solana.signing import Keypair
from tests.unit.engine.solana.transaction_vectors import TRANSACTIONS, Row, compiled

NPM = Path(__file__).parents[1] / "npm"

pytestmark = pytest.mark.skipif(
    not (NPM / "node_modules/@solana/web3.js").exists(),
    reason="@solana/web3.js is not installed: npm ci --prefix tests/npm",
)

SCRIPT = """
  import { createPublicKey, verify } from "node:crypto";
  import { readFileSync } from "node:fs";
  import {
    AddressLookupTableAccount, PublicKey, TransactionMessage, VersionedMessage, VersionedTransaction,
  } from "@solana/web3.js";

  const base64 = (bytes) => Buffer.from(bytes).toString("base64");
  const signedBy = (key, message, signature) => {
    const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), key.toBytes()]);
    return verify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
  };
  const table = ({ address, addresses }) => new AddressLookupTableAccount({
    key: new PublicKey(address),
    state: {
      deactivationSlot: 2n ** 64n - 1n, lastExtendedSlot: 0, lastExtendedSlotStartIndex: 0,
      addresses: addresses.map((each) => new PublicKey(each)),
    },
  });
  const read = ({ wire, message, tables }) => {
    const transaction = VersionedTransaction.deserialize(Buffer.from(wire, "base64"));
    const alone = VersionedMessage.deserialize(Buffer.from(message, "base64"));
    const tableAccounts = tables.map(table);
    const readable = TransactionMessage.decompile(alone, { addressLookupTableAccounts: tableAccounts });
    const keys = alone.staticAccountKeys;
    return {
      version: transaction.version,
      wire: base64(transaction.serialize()),
      message: base64(transaction.message.serialize()),
      compiled_there: base64(readable.compileToV0Message(tableAccounts).serialize()).length,
      payer: readable.payerKey.toBase58(),
      blockhash: readable.recentBlockhash,
      account_keys: keys.map((key) => key.toBase58()),
      header: [
        alone.header.numRequiredSignatures, alone.header.numReadonlySignedAccounts,
        alone.header.numReadonlyUnsignedAccounts,
      ],
      signed: transaction.signatures.map(
        (signature, index) => signedBy(keys[index], transaction.message.serialize(), signature)
      ),
      instructions: readable.instructions.map(({ programId, keys, data }) => ({
        program_id: programId.toBase58(),
        accounts: keys.map(
          ({ pubkey, isSigner, isWritable }) => ({ pubkey: pubkey.toBase58(), signer: isSigner, writable: isWritable })
        ),
        data: base64(data),
      })),
    };
  };
  console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(read)));
"""


def transaction(row: Row) -> dict[str, Any]:
    """A row's transaction, compiled and signed by the engine."""
    message = compiled(row)
    signatures = [Keypair(decode(signer["secret_key"], 64)).sign(message) for signer in row["signers"]]
    wire = serialize(signatures, message)
    tables = row.get("lookup_tables", [])
    return {"wire": b64encode(wire).decode(), "message": b64encode(message).decode(), "tables": tables}


def with_the_strongest_rights(row: Row) -> list[Row]:
    """A row's instructions as a message has them: an account has the same rights in all of them."""
    metas = [meta for instruction in row["instructions"] for meta in instruction["accounts"]]
    metas.append({"pubkey": row["payer"], "signer": True, "writable": True})
    rights = {
        meta["pubkey"]: {
            right: any(other[right] for other in metas if other["pubkey"] == meta["pubkey"])
            for right in ("signer", "writable")
        }
        for meta in metas
    }
    return [
        instruction | {"accounts": [meta | rights[meta["pubkey"]] for meta in instruction["accounts"]]}
        for instruction in row["instructions"]
    ]


def test_every_transaction_of_the_vectors_is_read_as_it_was_meant() -> None:
    # web3.js has no room for more bytes than a transaction may have.
    rows = [row for row in TRANSACTIONS if row["fits"]]
    assert sum("lookup_tables" in row for row in rows) >= 2
    sent = [transaction(row) for row in rows]
    command = ["node", "--input-type=module", "--eval", SCRIPT]
    ended = subprocess.run(
        command, cwd=NPM, input=json.dumps(sent), capture_output=True, text=True, timeout=60, check=True
    )
    found = json.loads(ended.stdout)
    for row, ours, theirs in zip(rows, sent, found, strict=True):
        assert theirs["version"] == 0
        assert (theirs["wire"], theirs["message"]) == (ours["wire"], ours["message"])
        # web3.js orders the keys of a group in another way, so that its own message has the same size only.
        assert theirs["compiled_there"] == len(ours["message"])
        assert theirs["instructions"] == with_the_strongest_rights(row)
        assert theirs["signed"] == [True] * len(row["signers"])
        expected = {name: row[name] for name in ("payer", "blockhash", "account_keys", "header")}
        assert {name: theirs[name] for name in expected} == expected
