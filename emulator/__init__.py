"""Runs a SAM template on this machine: REST and WebSocket APIs, Lambda, SQS, Step Functions, schedules."""
