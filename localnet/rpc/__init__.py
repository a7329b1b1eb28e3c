"""Solana's JSON-RPC methods, each a function of a call and its parameters. What a node has beyond them is refused."""
