"""Resolution in Go."""
