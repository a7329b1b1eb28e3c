"""API Gateway: REST and WebSocket APIs with Lambda proxy integrations."""
