"""The server: many calls on one graph, each on a WebSocket of its own."""
