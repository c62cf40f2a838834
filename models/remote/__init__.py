"""Models behind a connection: one HTTP client, endpoints, chains of them, costs, and dialects."""
