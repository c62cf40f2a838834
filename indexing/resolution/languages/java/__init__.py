"""Resolution in Java."""
