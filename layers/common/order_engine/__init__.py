"""The order execution engine: what its functions share."""

import gc

# Importing makes up to half of this many objects and no garbage: looking for some takes 10 ms of a cold start and more.
gc.set_threshold(200_000)
