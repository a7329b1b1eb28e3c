"""Puts the parts together, once for each Lambda environment.

A handler calls these functions while it is imported, so that everything is ready before the first event. Connections
open with their first use. Imports stand inside the functions: a cold start pays only for what it needs.
"""
