"""Requests to addresses that clients choose."""
