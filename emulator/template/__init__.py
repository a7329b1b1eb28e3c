"""Reads a SAM template and resolves it into a stack's records."""
