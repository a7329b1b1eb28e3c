"""Solana: a venue of pools and a chain of transactions, reached by JSON-RPC.

Addresses, signatures and blockhashes are bytes inside, and base58 text at the edges. Nothing here needs a package
beyond urllib3, except to sign.
"""
