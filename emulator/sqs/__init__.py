"""SQS: standard queues in memory."""
