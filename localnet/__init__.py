"""A Solana on this machine: JSON-RPC on LiteSVM, with the programs of five DEXs or stand-ins for them."""
