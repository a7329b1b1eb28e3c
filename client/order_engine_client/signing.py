"""Transactions that the wallet of the client signs itself."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeAlias

Signer: TypeAlias = Callable[[bytes], bytes | Awaitable[bytes]]
"""Signs a transaction's message by Ed25519, and returns the 64 bytes of the signature."""

_ONE_SIGNATURE = b"\x01"
SIGNATURE_BYTES = 64


async def sign(transaction: str, signer: Signer) -> str:
    """The transaction of a quote with the wallet's signature, both in base64.

    A signer that is no coroutine function may take its time: it runs in a thread. Raises `ValueError` for a
    transaction with another number of signatures than one, and for a signature of another length.
    """
    raw = b64decode(transaction)
    if not raw.startswith(_ONE_SIGNATURE):
        raise ValueError(f"expected a transaction with one signature, was one with {raw[:1].hex() or 'none'}")
    message = raw[len(_ONE_SIGNATURE) + SIGNATURE_BYTES :]
    signature = await asyncio.to_thread(signer, message)
    if isawaitable(signature):
        signature = await signature
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError(f"expected a signature of {SIGNATURE_BYTES} bytes, was one of {len(signature)}")
    return b64encode(_ONE_SIGNATURE + signature + message).decode()
