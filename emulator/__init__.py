"""Runs a SAM template on one machine: REST and WebSocket APIs, Lambda, SQS, Step Functions and schedules."""
