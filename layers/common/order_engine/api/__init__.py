"""The edge: parses requests, renders answers, maps errors to HTTP statuses."""
