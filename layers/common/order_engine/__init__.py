"""The order execution engine: what its functions share."""
