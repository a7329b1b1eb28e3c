"""The simulated market: venues and a chain in Postgres, with other traders and with faults on demand."""
