"""GraphQL over HTTP and WebSocket: the protocols only, nothing of health care and nothing of execution."""
