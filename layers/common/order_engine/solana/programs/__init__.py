"""The programs whose pools the engine trades in, a module each. `order_engine.solana.deployments` knows their ids."""
