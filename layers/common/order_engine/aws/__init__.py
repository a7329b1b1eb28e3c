"""The engine's use of AWS: signed requests, pushes, queues, the state machine, logs and metrics."""
