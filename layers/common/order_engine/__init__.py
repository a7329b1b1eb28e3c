"""The order execution engine: what its functions share."""

import gc

# Importing makes up to this many objects and no garbage: looking for some would take a tenth of a cold start.
gc.set_threshold(200_000)
