"""What the engine asks of AWS: signed requests, pushes, queues, the state machine, logs and metrics."""
