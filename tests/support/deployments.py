"""What the clusters have."""

from __future__ import annotations

from order_engine.domain import markets
from order_engine.solana.deployments import Deployment, deployment
from order_engine.solana.programs.program import Program

MAINNET, DEVNET, TESTNET, LOCALNET = map(
    deployment, (markets.MAINNET, markets.DEVNET, markets.TESTNET, markets.LOCALNET)
)


def program(kind: str, on: Deployment = MAINNET) -> Program:
    """The program of a kind of pools on a cluster."""
    return next(program for program in on.programs.values() if program.kind == kind)
