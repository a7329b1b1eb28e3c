"""Shared by the services: the clock, the account, errors, starting and stopping, HTTP servers."""
